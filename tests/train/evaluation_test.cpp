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
  EXPECT_FLOAT_EQ(chosen[1], 0.5f);
  EXPECT_TRUE(choose_thresholds(metrics, kScores, "none").empty());
  const std::vector<float> one = choose_thresholds(metrics, kScores, "one");
  EXPECT_EQ(one[0], one[1]);
  EXPECT_FLOAT_EQ(one[0], 0.4f);
}

}  // namespace
}  // namespace resnet::train
