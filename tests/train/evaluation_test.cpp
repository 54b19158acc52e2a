#include "train/evaluation.hpp"

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

// Three pictures, two classes; the second has no positive.
const std::vector<float> kScores{0.9f, 0.1f, 0.5f, 0.2f, 0.3f, 0.3f};
const std::vector<std::uint8_t> kTargets{1, 0, 1, 0, 0, 0};

TEST(Thresholds, LieBetweenTheLastAcceptedAndTheFirstRefusedScore) {
  const std::vector<float> half{0.5f};
  const auto metrics = eval::multilabel_metrics(kScores, kTargets, 2, half);
  const std::vector<float> chosen = choose_thresholds(metrics, kScores, "per_class");
  EXPECT_FLOAT_EQ(chosen[0], 0.4f);
  EXPECT_FLOAT_EQ(chosen[1], 0.4f);  // has no positive
  EXPECT_TRUE(choose_thresholds(metrics, kScores, "none").empty());
  const std::vector<float> one = choose_thresholds(metrics, kScores, "one");
  EXPECT_EQ(one[0], one[1]);
  EXPECT_FLOAT_EQ(one[0], 0.4f);
}

TEST(Thresholds, OfRareClassesAreDrawnTowardsTheOneOfAll) {
  // Class 0 would have 0.85, with 30 positives; class 1, with one, 0.1.
  std::vector<float> scores;
  std::vector<std::uint8_t> targets;
  for (int i = 0; i < 40; ++i) {
    scores.insert(scores.end(), {i < 30 ? 0.9f : 0.8f, i == 0 ? 0.2f : 0.0f});
    targets.insert(targets.end(), {static_cast<std::uint8_t>(i < 30), static_cast<std::uint8_t>(i == 0)});
  }
  const auto metrics = eval::multilabel_metrics(scores, targets, 2, std::vector<float>{0.5f});
  const std::vector<float> chosen = choose_thresholds(metrics, scores, "per_class");
  EXPECT_FLOAT_EQ(chosen[0], 0.85f);
  EXPECT_FLOAT_EQ(chosen[1], (0.1f + 10 * 0.85f) / 11);
}

}  // namespace
}  // namespace resnet::train
