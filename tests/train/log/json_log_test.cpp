#include "train/log/json_log.hpp"

#include "support/temporary_directory.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<nlohmann::json> lines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> result;
  for (std::string line; std::getline(file, line);) result.push_back(nlohmann::json::parse(line));
  return result;
}

EpochRecord logged_epoch(int number, double map, bool best) {
  return {.epoch = number,
          .step = 10 * number,
          .seconds = 1.5,
          .images_per_second = 200,
          .loss = 0.5,
          .validation = {{"mAP", map}, {"OF1", 0.4}},
          .best = best,
          .classes = {{"person", 7, 0.9}, {"toaster", 0, std::nullopt}}};
}

TEST(JsonLog, EveryLineIsAnObjectThatIsThereAtOnce) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "logs" / "log.jsonl";
  JsonLog log(path);
  log.start({{"model", "resnet50"}, {"lr", "0.1"}});
  EXPECT_EQ(lines(path).size(), 1u);
  log.write(StepRecord{.step = 10, .epoch = 1, .loss = kNan, .learning_rate = 0.1, .images_per_second = 90});
  log.write(logged_epoch(1, 0.25, true));
  log.write(SkippedRecord{"caf\xe9\n.jpg", "is no picture"});
  log.end("done");
  const auto got = lines(path);
  ASSERT_EQ(got.size(), 5u);
  const std::vector<std::string> events{"start", "step", "epoch", "skipped", "end"};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(got[i]["event"], events[i]);
    EXPECT_EQ(got[i]["time"].get<std::string>().size(), 20u);
  }
  EXPECT_EQ(got[0]["config"]["model"], "resnet50");
  EXPECT_TRUE(got[1]["loss"].is_null());
  EXPECT_EQ(got[2]["validation"]["mAP"], 0.25);
  EXPECT_EQ(got[2]["classes"][0]["ap"], 0.9);
  EXPECT_TRUE(got[2]["classes"][1]["ap"].is_null());
  EXPECT_EQ(got[3]["path"], "caf\xef\xbf\xbd\n.jpg");
  EXPECT_EQ(got[4]["how"], "done");
}

TEST(History, ReadsBackWhatWasWritten) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "log.jsonl";
  JsonLog log(path);
  log.start({});
  log.write(StepRecord{.step = 10, .epoch = 1, .loss = kNan, .learning_rate = 0.1, .images_per_second = 90});
  log.write(logged_epoch(1, 0.25, true));
  log.write(logged_epoch(2, 0.2, false));
  log.write(SkippedRecord{"a.jpg", "cut off"});
  const History history = read_history(path);
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_TRUE(std::isnan(history.steps[0].loss));
  EXPECT_EQ(history.steps[0].learning_rate, 0.1);
  ASSERT_EQ(history.epochs.size(), 2u);
  EXPECT_EQ(history.epochs[0].validation, logged_epoch(1, 0.25, true).validation);
  EXPECT_EQ(figure(history.epochs[1], "mAP"), 0.2);
  EXPECT_FALSE(figure(history.epochs[1], "top-1"));
  ASSERT_NE(history.best(), nullptr);
  EXPECT_EQ(history.best()->epoch, 1);
  EXPECT_EQ(history.best()->classes[0].ap, 0.9);
  EXPECT_FALSE(history.best()->classes[1].ap);
  EXPECT_EQ(history.skipped[0].reason, "cut off");
  EXPECT_EQ(history.end, "");
}

TEST(History, ResumingTakesBackWhatCameAfterTheCheckpointAndStartingTakesBackAll) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "log.jsonl";
  {
    JsonLog log(path);
    log.start({});
    for (const int step : {5, 10, 15, 20, 25}) log.write(StepRecord{.step = step, .epoch = (step + 9) / 10});
    log.write(logged_epoch(1, 0.1, true));
    log.write(logged_epoch(2, 0.2, true));
    log.end("interrupted");
  }
  JsonLog log(path);
  log.resume(1, 10);
  History history = read_history(path);
  ASSERT_EQ(history.steps.size(), 2u);
  EXPECT_EQ(history.steps.back().step, 10);
  ASSERT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(history.best()->epoch, 1);
  EXPECT_EQ(history.end, "");
  log.start({});
  history = read_history(path);
  EXPECT_TRUE(history.steps.empty() && history.epochs.empty());
  EXPECT_EQ(history.best(), nullptr);
  EXPECT_EQ(lines(path).size(), 11u);  // nothing of the file goes
}

TEST(JsonLog, AnUnfinishedLineIsNotReadAndIsCutOffByTheNextRun) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.path() / "log.jsonl";
  {
    JsonLog log(path);
    log.start({});
    log.write(StepRecord{.step = 1});
  }
  std::ofstream(path, std::ios::app) << R"({"event":"step","st)";
  EXPECT_EQ(read_history(path).steps.size(), 1u);
  JsonLog log(path);
  log.write(StepRecord{.step = 2});
  EXPECT_EQ(read_history(path).steps.size(), 2u);
  EXPECT_EQ(lines(path).size(), 3u);
  // A file that is nothing but an unfinished line.
  const fs::path stub = folder.write("stub.jsonl", "{\"ev");
  JsonLog again(stub);
  again.start({});
  EXPECT_EQ(lines(stub).size(), 1u);
}

TEST(History, WhatIsNoLogIsRefused) {
  const test::TemporaryDirectory folder;
  const auto code = [&](const std::string& text) {
    try {
      read_history(folder.write("log.jsonl", text));
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("log.jsonl"), std::string::npos);
      return error.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code("epoch 1: 0.5\n"), ErrorCode::bad_format);
  EXPECT_EQ(code("{\"event\":\"step\"}\n"), ErrorCode::bad_format);
  EXPECT_EQ(code("{\"event\":\"step\",\"step\":\"x\",\"epoch\":1}\n"), ErrorCode::bad_format);
  EXPECT_EQ(code("[1]\n"), ErrorCode::bad_format);
  EXPECT_EQ(code("{}\n"), ErrorCode::bad_format);
  EXPECT_NO_THROW(read_history(folder.write("log.jsonl", "{\"event\":\"of a later version\"}\n")));
  try {
    read_history(folder.path() / "none.jsonl");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
  }
}

}  // namespace
}  // namespace resnet::train
