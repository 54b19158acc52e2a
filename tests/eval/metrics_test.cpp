#include "eval/classification_metrics.hpp"
#include "eval/multilabel_metrics.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(RankOf, EqualScoresRankByIndex) {
  const std::vector<float> scores{1, 3, 3, 2, 3};
  EXPECT_EQ(rank_of(scores, 1), 0);
  EXPECT_EQ(rank_of(scores, 2), 1);
  EXPECT_EQ(rank_of(scores, 4), 2);
  EXPECT_EQ(rank_of(scores, 3), 3);
  EXPECT_EQ(rank_of(scores, 0), 4);
}

TEST(RankOf, InfinitiesAreScoresNanIsNot) {
  EXPECT_EQ(rank_of(std::vector<float>{-kInf, 0, kInf}, 2), 0);
  EXPECT_EQ(rank_of(std::vector<float>{-kInf, 0, kInf}, 0), 2);
  EXPECT_THROW(rank_of(std::vector<float>{0, kNan}, 0), Error);
  EXPECT_THROW(rank_of(std::vector<float>{kNan, 0}, 0), Error);
}

TEST(RankOf, RefusesAClassThatWasNotScored) {
  EXPECT_THROW(rank_of(std::vector<float>{1, 2}, 2), Error);
  EXPECT_THROW(rank_of(std::vector<float>{1, 2}, -1), Error);
  EXPECT_THROW(rank_of(std::vector<float>{}, 0), Error);
}

TEST(ClassificationMetrics, CountsTop1AndTop5) {
  ClassificationMetrics metrics(7);
  const std::vector<float> falling{7, 6, 5, 4, 3, 2, 1};
  for (int target = 0; target < 7; ++target) metrics.add(falling, target);
  EXPECT_EQ(metrics.images(), 7);
  EXPECT_EQ(metrics.top1_count(), 1);
  EXPECT_EQ(metrics.top5_count(), 5);
  EXPECT_DOUBLE_EQ(metrics.top1(), 1.0 / 7);
  EXPECT_DOUBLE_EQ(metrics.top5(), 5.0 / 7);
  EXPECT_EQ(metrics.per_class()[4].top5, 1);
  EXPECT_EQ(metrics.per_class()[5].top5, 0);
}

TEST(ClassificationMetrics, FewerThanFiveClassesAreAllInTheTop5) {
  ClassificationMetrics metrics(2);
  metrics.add(std::vector<float>{1, 0}, 1);
  EXPECT_EQ(metrics.top1(), 0);
  EXPECT_EQ(metrics.top5(), 1);
}

TEST(ClassificationMetrics, EmptyIsZero) {
  EXPECT_EQ(ClassificationMetrics(3).top1(), 0);
  EXPECT_TRUE(ClassificationMetrics(3).worst_classes(5).empty());
  EXPECT_THROW(ClassificationMetrics(0), Error);
}

TEST(ClassificationMetrics, RefusesRowsOfAnotherWidth) {
  ClassificationMetrics metrics(3);
  EXPECT_THROW(metrics.add(std::vector<float>{1, 2}, 0), Error);
}

TEST(ClassificationMetrics, NamesTheMostFrequentConfusionsAndTheWorstClasses) {
  ClassificationMetrics metrics(3);
  const auto add = [&](int target, int predicted, int times) {
    std::vector<float> scores(3, 0);
    scores[static_cast<std::size_t>(predicted)] = 1;
    for (int i = 0; i < times; ++i) metrics.add(scores, target);
  };
  add(0, 0, 3);
  add(0, 1, 1);
  add(1, 1, 1);
  add(1, 2, 4);
  add(2, 0, 1);
  const auto confusions = metrics.worst_confusions(2);
  ASSERT_EQ(confusions.size(), 2u);
  EXPECT_EQ(confusions[0].actual, 1);
  EXPECT_EQ(confusions[0].predicted, 2);
  EXPECT_EQ(confusions[0].count, 4);
  EXPECT_EQ(confusions[1].actual, 0);
  EXPECT_EQ(confusions[1].predicted, 1);
  EXPECT_EQ(metrics.worst_classes(10), (std::vector<int>{2, 1, 0}));
}

TEST(AveragePrecision, HandComputed) {
  // Ranking: + - + : 1/2 * 1 + 1/2 * 2/3
  EXPECT_NEAR(*average_precision(std::vector<float>{0.9f, 0.8f, 0.7f}, std::vector<std::uint8_t>{1, 0, 1}),
              5.0 / 6, 1e-15);
}

TEST(AveragePrecision, EqualScoresEnterTogether) {
  const std::vector<float> scores{0.5f, 0.5f, 0.5f, 0.5f};
  EXPECT_DOUBLE_EQ(*average_precision(scores, std::vector<std::uint8_t>{1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(*average_precision(scores, std::vector<std::uint8_t>{0, 0, 0, 1}), 0.25);
}

TEST(AveragePrecision, DegenerateClasses) {
  const std::vector<float> scores{0.1f, 0.9f};
  EXPECT_FALSE(average_precision(scores, std::vector<std::uint8_t>{0, 0}).has_value());
  EXPECT_DOUBLE_EQ(*average_precision(scores, std::vector<std::uint8_t>{1, 1}), 1.0);
  EXPECT_FALSE(average_precision({}, {}).has_value());
  EXPECT_TRUE(precision_recall_curve(scores, std::vector<std::uint8_t>{0, 0}).empty());
}

TEST(AveragePrecision, RefusesNanAndOtherSizes) {
  EXPECT_THROW(average_precision(std::vector<float>{kNan}, std::vector<std::uint8_t>{1}), Error);
  EXPECT_THROW(average_precision(std::vector<float>{1, 2}, std::vector<std::uint8_t>{1}), Error);
}

TEST(PrecisionRecallCurve, EndsAtFullRecall) {
  const auto curve = precision_recall_curve(std::vector<float>{0.9f, 0.2f, 0.9f, 0.4f},
                                            std::vector<std::uint8_t>{1, 1, 0, 0});
  ASSERT_EQ(curve.size(), 3u);
  EXPECT_EQ(curve[0].threshold, 0.9f);
  EXPECT_DOUBLE_EQ(curve[0].precision, 0.5);
  EXPECT_DOUBLE_EQ(curve[0].recall, 0.5);
  EXPECT_EQ(curve[2].threshold, 0.2f);
  EXPECT_DOUBLE_EQ(curve[2].recall, 1.0);
}

TEST(BestThreshold, IsAScoreAndTheHighestOfEqualOnes) {
  // Accepting 1 of 2 positives at 0.9 and both at 0.3 with one wrong between: F1 2/3, 2/4, 4/5.
  const auto best =
      best_f1_threshold(std::vector<float>{0.9f, 0.5f, 0.3f}, std::vector<std::uint8_t>{1, 0, 1});
  ASSERT_TRUE(best.has_value());
  EXPECT_EQ(best->threshold, 0.3f);
  EXPECT_DOUBLE_EQ(best->f1, 0.8);
  // F1 at 0.9 is 2/3 and at 0.1 is 4/6.
  const auto tied =
      best_f1_threshold(std::vector<float>{0.9f, 0.5f, 0.2f, 0.1f}, std::vector<std::uint8_t>{1, 0, 0, 1});
  EXPECT_EQ(tied->threshold, 0.9f);
  EXPECT_FALSE(best_f1_threshold(std::vector<float>{0.9f}, std::vector<std::uint8_t>{0}).has_value());
}

TEST(MultilabelMetrics, HandComputed) {
  // Two pictures, three classes; the third has no positive.
  const std::vector<float> scores{0.9f, 0.6f, 0.7f,  //
                                  0.2f, 0.5f, 0.1f};
  const std::vector<std::uint8_t> targets{1, 0, 0,  //
                                          1, 1, 0};
  const MultilabelMetrics m = multilabel_metrics(scores, targets, 3, std::vector<float>{0.5f});
  EXPECT_EQ(m.images, 2);
  EXPECT_EQ(m.classes_with_positives, 2);
  EXPECT_FALSE(m.per_class[2].ap.has_value());
  EXPECT_NEAR(m.map, (1.0 + 0.5) / 2, 1e-15);
  EXPECT_DOUBLE_EQ(m.overall.precision(), 2.0 / 4);
  EXPECT_DOUBLE_EQ(m.overall.recall(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.overall.f1(), 4.0 / 7);
  EXPECT_DOUBLE_EQ(m.cp, (1.0 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(m.cr, (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(m.cf1, 0.75);
  EXPECT_EQ(m.best->threshold, 0.2f);  // 3 of 5 accepted are right: F1 6/8
  EXPECT_DOUBLE_EQ(m.best->f1, 0.75);
}

TEST(MultilabelMetrics, AScoreAtItsThresholdIsAccepted) {
  const std::vector<float> scores{0.5f, 0.7f};
  const std::vector<std::uint8_t> targets{1, 1};
  const MultilabelMetrics m =
      multilabel_metrics(scores, targets, 2, std::vector<float>{0.5f, std::nextafter(0.7f, 1.0f)});
  EXPECT_EQ(m.per_class[0].counts.true_positives, 1);
  EXPECT_EQ(m.per_class[1].counts.true_positives, 0);
  EXPECT_EQ(m.per_class[1].counts.false_negatives, 1);
}

TEST(MultilabelMetrics, NothingToFindIsZeroNotNan) {
  const MultilabelMetrics m = multilabel_metrics(
      std::vector<float>{0.1f, 0.2f}, std::vector<std::uint8_t>{0, 0}, 2, std::vector<float>{0.5f});
  EXPECT_EQ(m.map, 0);
  EXPECT_EQ(m.cf1, 0);
  EXPECT_EQ(m.overall.f1(), 0);
  EXPECT_FALSE(m.best.has_value());
  EXPECT_EQ(multilabel_metrics({}, {}, 2, std::vector<float>{0.5f}).images, 0);
}

TEST(MultilabelMetrics, RefusesWhatDoesNotFit) {
  const std::vector<float> scores(6, 0.5f);
  const std::vector<std::uint8_t> targets(6, 1);
  EXPECT_THROW(multilabel_metrics(scores, targets, 4, std::vector<float>{0.5f}), Error);
  EXPECT_THROW(multilabel_metrics(scores, targets, 0, std::vector<float>{0.5f}), Error);
  EXPECT_THROW(multilabel_metrics(scores, targets, 3, std::vector<float>{0.5f, 0.5f}), Error);
  EXPECT_THROW(multilabel_metrics(scores, targets, 3, {}), Error);
}

TEST(MultilabelMetrics, DoesNotDependOnTheOrderOfPictures) {
  constexpr std::size_t kImages = 200, kClasses = 5;
  std::mt19937 random(7);
  std::vector<float> scores(kImages * kClasses);
  std::vector<std::uint8_t> targets(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = static_cast<float>(random() % 20) / 20;
    targets[i] = random() % 4 == 0;
  }
  std::vector<std::size_t> order(kImages);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), random);
  std::vector<float> shuffled_scores;
  std::vector<std::uint8_t> shuffled_targets;
  for (const std::size_t i : order) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      shuffled_scores.push_back(scores[i * kClasses + c]);
      shuffled_targets.push_back(targets[i * kClasses + c]);
    }
  }
  const std::vector<float> half{0.5f};
  const auto a = multilabel_metrics(scores, targets, kClasses, half);
  const auto b = multilabel_metrics(shuffled_scores, shuffled_targets, kClasses, half);
  EXPECT_EQ(a.map, b.map);
  EXPECT_EQ(a.cf1, b.cf1);
  EXPECT_EQ(a.best->threshold, b.best->threshold);
}

}  // namespace
}  // namespace resnet::eval
