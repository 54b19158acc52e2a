// What is made of an evaluation: the check against stored logits, and the page.
#include "eval/html_report.hpp"
#include "eval/logits_check.hpp"
#include "eval/precision_recall_svg.hpp"
#include "eval_fixture.hpp"

#include <limits>
#include <random>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(LogitsCheck, FindsTheLargestDifference) {
  LogitsCheck check;
  EXPECT_FALSE(check.ok(1));  // nothing was compared
  check.add(0, std::vector<float>{1, 2, 3}, std::vector<float>{1, 2, 3});
  check.add(7, std::vector<float>{1, 2, 3}, std::vector<float>{1, 2.5f, 3});
  EXPECT_EQ(check.max_abs(), 0.5);
  EXPECT_EQ(check.worst_picture(), 7);
  EXPECT_EQ(check.worst_class(), 1);
  EXPECT_EQ(check.top1_equal(), 2);
  EXPECT_TRUE(check.ok(0.5));
  EXPECT_FALSE(check.ok(0.4));
}

TEST(LogitsCheck, AnotherBestClassFailsHoweverClose) {
  LogitsCheck check;
  check.add(0, std::vector<float>{1.00001f, 1}, std::vector<float>{1, 1.00001f});
  EXPECT_LT(check.max_abs(), 1e-4);
  EXPECT_FALSE(check.ok(1e-4));
}

TEST(LogitsCheck, NanFails) {
  LogitsCheck check;
  check.add(0, std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, std::vector<float>{1, 0});
  EXPECT_FALSE(check.ok(1e30));
  EXPECT_THROW(check.add(1, std::vector<float>{1}, std::vector<float>{1, 2}), Error);
}

TEST(ThinCurve, KeepsTheStepsThatMatter) {
  // Three positives among many pictures: the curve is three steps, whatever comes between.
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;
  for (int i = 0; i < 1000; ++i) {
    scores.push_back(static_cast<float>(1000 - i));
    targets.push_back(i == 0 || i == 10 || i == 20);
  }
  const auto thin = thin_curve(precision_recall_curve(scores, targets), 24);
  ASSERT_EQ(thin.size(), 3u);
  EXPECT_DOUBLE_EQ(thin[0].precision, 1.0);
  EXPECT_DOUBLE_EQ(thin[1].precision, 2.0 / 11);
  EXPECT_DOUBLE_EQ(thin[2].recall, 1.0);
}

TEST(ThinCurve, IsBounded) {
  std::vector<float> scores(10000);
  std::vector<std::uint8_t> targets(scores.size(), 1);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(i);
  const auto thin = thin_curve(precision_recall_curve(scores, targets), 50);
  EXPECT_LE(thin.size(), 51u);
  EXPECT_EQ(thin.back().recall, 1.0);
  EXPECT_TRUE(thin_curve({}, 50).empty());
}

Evaluation multilabel_example() {
  Evaluation e;
  std::mt19937 random(3);
  for (int i = 0; i < 60 * 3; ++i) {
    e.targets.push_back(i % 3 != 2 && random() % 3 == 0);
    e.scores.push_back(0.3f * static_cast<float>(e.targets.back()) +
                       static_cast<float>(random() % 1000) / 2000);
  }
  e.images = 60;
  e.multilabel = multilabel_metrics(e.scores, e.targets, 3, std::vector<float>{0.5f});
  return e;
}

TEST(HtmlReport, MultilabelHasThePictureAndEveryClass) {
  ReportContext context{
      "model on data", {{"backend", "cpu"}}, {"cat", "<script>alert(1)</script>", "\"bird\""}};
  const std::string html = html_report(multilabel_example(), context);
  EXPECT_EQ(count(html, "<script>"), 1u);  // ours alone
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
  EXPECT_EQ(count(html, "<svg class=\"pr\""), 1u);
  EXPECT_EQ(count(html, "<svg class=\"spark\""), 2u);  // the third class has no positive
  EXPECT_NE(html.find("mAP of 2 classes"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // nothing is loaded from elsewhere
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(HtmlReport, WithoutAnyPositive) {
  Evaluation e;
  e.scores = {0.1f, 0.2f};
  e.targets = {0, 0};
  e.multilabel = multilabel_metrics(e.scores, e.targets, 2, std::vector<float>{0.5f});
  const std::string html = html_report(e, {"t", {}, {}});
  EXPECT_NE(html.find("class 1"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(HtmlReport, ClassificationHasConfusionsAndClasses) {
  Evaluation e;
  e.classification.emplace(4);
  e.classification->add(std::vector<float>{0, 1, 0, 0}, 0);
  e.classification->add(std::vector<float>{0, 1, 0, 0}, 1);
  e.failed = 3;
  const std::string html = html_report(e, {"t", {}, {"tench", "goldfish", "shark", "ray"}});
  EXPECT_NE(html.find("50.00 %"), std::string::npos);
  EXPECT_NE(html.find("<td class=\"text\">tench</td><td class=\"text\">goldfish</td><td>1</td>"),
            std::string::npos);
  EXPECT_NE(html.find("All classes with pictures: 2"), std::string::npos);
  EXPECT_NE(html.find("3 pictures that could not"), std::string::npos);
  EXPECT_EQ(html.find("shark"), std::string::npos);
}

}  // namespace
}  // namespace resnet::eval
