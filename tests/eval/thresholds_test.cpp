#include "eval/thresholds.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

struct Chosen {
  float common;
  std::vector<float> per_class;
};

Chosen choose(const std::vector<float>& scores, const std::vector<std::uint8_t>& targets, int classes) {
  const MultilabelMetrics metrics = multilabel_metrics(scores, targets, classes, std::vector<float>{0.5f});
  return {choose_threshold(metrics, scores), choose_class_thresholds(metrics, scores)};
}

TEST(Thresholds, LieBetweenTheLastAcceptedAndTheFirstRefusedScore) {
  // Three pictures, two classes; the second has no positive and takes what is best for all.
  const Chosen chosen = choose({0.9f, 0.1f, 0.5f, 0.2f, 0.3f, 0.3f}, {1, 0, 1, 0, 0, 0}, 2);
  EXPECT_FLOAT_EQ(chosen.common, 0.4f);
  ASSERT_EQ(chosen.per_class.size(), 2u);
  EXPECT_FLOAT_EQ(chosen.per_class[0], 0.4f);
  EXPECT_FLOAT_EQ(chosen.per_class[1], 0.4f);
}

TEST(Thresholds, OfRareClassesAreDrawnTowardsTheOneOfAll) {
  // Class 0 would have 0.85, with 30 positives; class 1, with one, 0.1.
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;
  for (int i = 0; i < 40; ++i) {
    scores.insert(scores.end(), {i < 30 ? 0.9f : 0.8f, i == 0 ? 0.2f : 0.0f});
    targets.insert(targets.end(), {static_cast<std::uint8_t>(i < 30), static_cast<std::uint8_t>(i == 0)});
  }
  const Chosen chosen = choose(scores, targets, 2);
  EXPECT_FLOAT_EQ(chosen.common, 0.85f);
  EXPECT_FLOAT_EQ(chosen.per_class[0], 0.85f);
  EXPECT_FLOAT_EQ(chosen.per_class[1], (0.1f + 10 * 0.85f) / 11);
}

TEST(Thresholds, EqualScoresStayTogether) {
  // 0.6 is worth accepting (F1 4/5 against 2/3 for 0.8 alone) though one of the two is wrong; between is 0.4.
  EXPECT_FLOAT_EQ(choose({0.8f, 0.6f, 0.6f, 0.2f}, {1, 1, 0, 0}, 1).per_class[0], 0.4f);
  // All alike: all accepted.
  EXPECT_FLOAT_EQ(choose({0.5f, 0.5f, 0.5f}, {0, 1, 0}, 1).per_class[0], 0.25f);
}

TEST(Thresholds, NothingRefusedIsHalfTheLowestScore) {
  EXPECT_FLOAT_EQ(choose({0.9f, 0.4f, 0.8f}, {1, 1, 1}, 1).per_class[0], 0.2f);
}

TEST(Thresholds, OfOnePicture) {
  // All together: 0.9 alone is best. Class 0 has nothing below its one score, class 1 no positive.
  const Chosen chosen = choose({0.9f, 0.5f}, {1, 0}, 2);
  EXPECT_FLOAT_EQ(chosen.common, 0.7f);
  EXPECT_FLOAT_EQ(chosen.per_class[0], (0.45f + 10 * 0.7f) / 11);
  EXPECT_FLOAT_EQ(chosen.per_class[1], 0.7f);
}

TEST(Thresholds, WithoutAnyPositiveAreAHalf) {
  const Chosen chosen = choose({0.9f, 0.1f, 0.2f, 0.3f}, {0, 0, 0, 0}, 2);
  EXPECT_EQ(chosen.common, 0.5f);
  EXPECT_EQ(chosen.per_class, (std::vector<float>{0.5f, 0.5f}));
  EXPECT_EQ(choose({}, {}, 3).per_class, (std::vector<float>{0.5f, 0.5f, 0.5f}));
}

TEST(Thresholds, RefuseScoresOfOtherPictures) {
  const std::vector<float> scores{0.9f, 0.1f};
  const MultilabelMetrics metrics =
      multilabel_metrics(scores, std::vector<std::uint8_t>{1, 0}, 2, std::vector<float>{0.5f});
  EXPECT_THROW(choose_threshold(metrics, std::span(scores).first(1)), Error);
  EXPECT_THROW(choose_class_thresholds(metrics, {}), Error);
}

}  // namespace
}  // namespace resnet::eval
