#include "train/log/html_report.hpp"

#include "support/temporary_directory.hpp"
#include "train/log/curve_svg.hpp"
#include "train/log/run_log.hpp"

#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

namespace fs = std::filesystem;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

EpochRecord epoch(int number, double map, bool best) {
  return {.epoch = number,
          .step = 10 * number,
          .seconds = 60,
          .images_per_second = 200,
          .loss = 0.5,
          .validation = {{"mAP", map}, {"loss", 0.7}},
          .best = best,
          .classes = {{"<person>", 7, map}, {"toaster", 0, std::nullopt}}};
}

const ReportContext kContext{.title = "resnet50 & <friends>",
                             .facts = {{"device", "cpu"}},
                             .config = {{"optimizer.lr", "0.1"}, {"data.path", "<script>alert(1)</script>"}},
                             .score = "mAP",
                             .epochs = 4};

TEST(TrainingReport, HasTheBestEpochItsClassesAndTheConfiguration) {
  History history;
  for (int step = 1; step <= 30; ++step) {
    history.steps.push_back({.step = step, .epoch = 1, .loss = 1.0 / step, .learning_rate = 0.1});
  }
  history.epochs = {epoch(1, 0.25, true), epoch(2, 0.5123, true), epoch(3, 0.5, false)};
  history.skipped = {{"a<b>.jpg", "is cut off"}};
  const std::string html = html_report(history, kContext);
  EXPECT_NE(html.find("<b>51.23 %</b><span>mAP, epoch 2</span>"), std::string::npos);
  EXPECT_NE(html.find("3 of 4"), std::string::npos);
  EXPECT_NE(html.find("<b>1:00</b><span>left</span>"), std::string::npos);
  EXPECT_NE(html.find("2 (best)"), std::string::npos);
  EXPECT_NE(html.find("&lt;person&gt;"), std::string::npos);
  EXPECT_NE(html.find("51.2</td>"), std::string::npos);
  EXPECT_NE(html.find("optimizer.lr"), std::string::npos);
  EXPECT_NE(html.find("a&lt;b&gt;.jpg"), std::string::npos);
  EXPECT_EQ(count(html, "<svg class=\"curves\""), 4u);
  EXPECT_EQ(count(html, "<script>"), 1u);            // ours alone
  EXPECT_EQ(html.find("http:"), std::string::npos);  // nothing is loaded from elsewhere
  EXPECT_EQ(html.find("https:"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
}

TEST(TrainingReport, ReloadsItselfUntilTheRunHasEnded) {
  History history;
  EXPECT_NE(html_report(history, kContext).find("http-equiv=\"refresh\""), std::string::npos);
  history.end = "interrupted";
  const std::string html = html_report(history, kContext);
  EXPECT_EQ(html.find("http-equiv=\"refresh\""), std::string::npos);
  EXPECT_NE(html.find("<b>interrupted</b>"), std::string::npos);
}

TEST(TrainingReport, NoFigureIsPrintedAsNanOrInfinity) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  History history;
  history.steps = {{.step = 1, .loss = nan}, {.step = 2, .loss = inf}, {.step = 3, .loss = 1}};
  history.epochs = {epoch(1, nan, true), epoch(2, 0.5, false)};
  history.epochs[1].loss = inf;
  const std::string html = html_report(history, kContext);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(Curve, GapsTicksAndOnePoint) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CurveChart chart{.title = "t", .x_name = "epoch", .curves = {{"a", {{0, 1}, {1, nan}, {2, 3}, {3, 4}}}}};
  const std::string svg = curve_svg(chart);
  const std::size_t line = svg.find("class=\"line line1\" d=\"");
  const std::string path = svg.substr(line, svg.find("\"/>", line) - line);
  EXPECT_EQ(count(path, "M"), 2u);  // the curve is in two parts
  EXPECT_EQ(count(path, "L"), 1u);
  chart.curves = {{"a", {{1, 5}}}};
  EXPECT_EQ(curve_svg(chart).find("nan"), std::string::npos);
  chart.curves = {{"a", {{1, 0.001}, {2, 0}, {3, 1000}}}};
  chart.logarithmic = true;
  const std::string wide = curve_svg(chart);
  EXPECT_EQ(wide.find("nan"), std::string::npos);
  EXPECT_NE(wide.find(">100</text>"), std::string::npos);
  EXPECT_NE(curve_svg({.title = "t", .x_name = "x", .curves = {{"a", {}}}}).find("Nothing yet"),
            std::string::npos);
}

TEST(Curve, ThinningKeepsTheMean) {
  std::vector<CurvePoint> points;
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    points.push_back({static_cast<double>(i), static_cast<double>(i % 7)});
    sum += i % 7;
  }
  const auto thin = thin_out(points, 100);
  ASSERT_EQ(thin.size(), 100u);
  double thin_sum = 0;
  for (const CurvePoint& point : thin) thin_sum += point.y * 10;
  EXPECT_NEAR(thin_sum, sum, 1e-6);
  EXPECT_EQ(thin_out(points, 1000).size(), 1000u);
  EXPECT_LE(thin_out(points, 300).size(), 300u);
}

TEST(RunLog, WritesAllThreeAndGoesOnWhereItWasInterrupted) {
  const test::TemporaryDirectory folder;
  const fs::path directory = folder.path() / "logs" / "run";
  {
    RunLog log(directory, kContext);
    EXPECT_TRUE(fs::exists(directory / "report.html"));
    for (int step = 1; step <= 15; ++step) log.write(StepRecord{.step = step, .epoch = 1 + (step - 1) / 10});
    log.write(epoch(1, 0.25, true));
    EXPECT_NE(read(directory / "report.html").find("25.00 %"), std::string::npos);
    log.end("interrupted");
    EXPECT_NE(read(directory / "report.html").find("interrupted"), std::string::npos);
  }
  RunLog log(directory, kContext, RunPosition{.epoch = 1, .step = 10});
  EXPECT_EQ(log.history().steps.size(), 10u);
  EXPECT_EQ(log.history().epochs.size(), 1u);
  log.write(SkippedRecord{"b.jpg", "no picture"});
  log.write(epoch(2, 0.5, true));
  const std::string html = read(directory / "report.html");
  EXPECT_NE(html.find("2 of 4"), std::string::npos);
  EXPECT_EQ(html.find("interrupted"), std::string::npos);
  EXPECT_NE(html.find("b.jpg"), std::string::npos);
  std::size_t event_files = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    event_files += entry.path().filename().string().starts_with("events.out.tfevents.") ? 1 : 0;
  }
  EXPECT_EQ(event_files, 2u);
  // Begun anew in the same folder: nothing of before is shown.
  const RunLog again(directory, kContext);
  EXPECT_TRUE(again.history().epochs.empty());
}

}  // namespace
}  // namespace resnet::train
