#include "train/log/history.hpp"

#include <cmath>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

using Json = nlohmann::ordered_json;

// A null stands for what JSON has no number for.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

StepRecord read_step(const Json& json) {
  return {.step = json.at("step").get<std::int64_t>(),
          .epoch = json.at("epoch").get<int>(),
          .loss = number(json.at("loss")),
          .learning_rate = number(json.at("learning_rate")),
          .images_per_second = number(json.at("images_per_s"))};
}

EpochRecord read_epoch(const Json& json) {
  EpochRecord epoch{.epoch = json.at("epoch").get<int>(),
                    .step = json.at("step").get<std::int64_t>(),
                    .seconds = number(json.at("seconds")),
                    .images_per_second = number(json.at("images_per_s")),
                    .loss = number(json.at("loss")),
                    .best = json.at("best").get<bool>()};
  for (const auto& [name, value] : json.at("validation").items()) {
    epoch.validation.emplace_back(name, number(value));
  }
  for (const Json& c : json.at("classes")) {
    const double ap = number(c.at("ap"));
    epoch.classes.push_back({.label = c.at("label").get<std::string>(),
                             .positives = c.at("positives").get<std::int64_t>(),
                             .ap = std::isnan(ap) ? std::nullopt : std::optional(ap)});
  }
  return epoch;
}

void take_line(const std::string& line, History& history) {
  const Json json = Json::parse(line);
  const auto event = json.at("event").get<std::string>();
  if (event == "start") {
    history = {};
  } else if (event == "resume") {
    const int epoch = json.at("epoch").get<int>();
    const auto step = json.at("step").get<std::int64_t>();
    std::erase_if(history.steps, [&](const StepRecord& s) { return s.step > step; });
    std::erase_if(history.epochs, [&](const EpochRecord& e) { return e.epoch > epoch; });
    history.end.clear();
  } else if (event == "step") {
    history.steps.push_back(read_step(json));
  } else if (event == "epoch") {
    history.epochs.push_back(read_epoch(json));
  } else if (event == "skipped") {
    history.skipped.push_back({json.at("path").get<std::string>(), json.at("reason").get<std::string>()});
  } else if (event == "end") {
    history.end = json.at("how").get<std::string>();
  }
}

}  // namespace

const EpochRecord* History::best() const {
  for (auto epoch = epochs.rbegin(); epoch != epochs.rend(); ++epoch) {
    if (epoch->best) return &*epoch;
  }
  return nullptr;
}

std::optional<double> figure(const EpochRecord& epoch, const std::string& name) {
  for (const auto& [own, value] : epoch.validation) {
    if (own == name) return value;
  }
  return std::nullopt;
}

History read_history(const std::filesystem::path& log) {
  std::ifstream file(log, std::ios::binary);
  if (!file) {
    std::error_code ignored;
    const bool there = std::filesystem::exists(log, ignored);
    throw Error(there ? ErrorCode::io : ErrorCode::not_found,
                log.string() + (there ? ": cannot be read" : ": no such log of a training run"));
  }
  History history;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (file.eof()) break;  // no line end: it is being written
    try {
      take_line(line, history);
    } catch (const Json::exception& error) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: line {} is no line of a training log: {}",
                                                     log.string(), number, error.what()));
    }
  }
  return history;
}

}  // namespace resnet::train
