#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include <resnet/predictions.hpp>

namespace resnet {
namespace {

std::vector<int> indices(const std::vector<Prediction>& predictions) {
  std::vector<int> out;
  for (const Prediction& p : predictions) out.push_back(p.index);
  return out;
}

TEST(Softmax, SumsToOneAndIsSafeForLargeLogits) {
  const std::vector<float> scores = softmax(std::vector<float>{1000.0f, 1001.0f, -1000.0f});
  EXPECT_FLOAT_EQ(std::accumulate(scores.begin(), scores.end(), 0.0f), 1.0f);
  EXPECT_FLOAT_EQ(scores[1], static_cast<float>(1 / (1 + std::exp(-1.0))));
  EXPECT_EQ(scores[2], 0.0f);
  EXPECT_TRUE(softmax({}).empty());
}

TEST(Sigmoid, IsSafeAtBothEnds) {
  const std::vector<float> scores = sigmoid(std::vector<float>{0.0f, 1000.0f, -1000.0f, 2.0f});
  EXPECT_EQ(scores[0], 0.5f);
  EXPECT_EQ(scores[1], 1.0f);
  EXPECT_EQ(scores[2], 0.0f);
  EXPECT_FLOAT_EQ(scores[3], static_cast<float>(1 / (1 + std::exp(-2.0))));
}

TEST(TopK, TiesComeInIndexOrderAndNanLast) {
  const std::vector<float> scores{0.1f, 0.4f, std::nanf(""), 0.4f, 0.1f};
  EXPECT_EQ(indices(top_k(scores, 5)), (std::vector<int>{1, 3, 0, 4, 2}));
  EXPECT_EQ(indices(top_k(scores, 2)), (std::vector<int>{1, 3}));
  EXPECT_EQ(top_k(scores, 99).size(), 5u);
  EXPECT_TRUE(top_k(scores, 0).empty());
  EXPECT_TRUE(top_k(scores, -3).empty());
}

TEST(Predict, ASoftmaxHeadGivesItsBestOne) {
  const Head head{.kind = HeadKind::softmax, .thresholds = {}};
  const std::vector<float> logits{0.5f, 3.0f, 1.0f};
  EXPECT_EQ(indices(predict(head, logits, -1, 0)), (std::vector<int>{1}));
  EXPECT_EQ(indices(predict(head, logits, -1, 2)), (std::vector<int>{1, 2}));
}

TEST(Predict, ASigmoidHeadGivesWhatReachesItsThreshold) {
  const std::vector<float> logits{0.0f, 3.0f, -0.1f, 1.0f};  // 0.5, 0.95, 0.475, 0.73
  const Head plain{.kind = HeadKind::sigmoid, .thresholds = {}};
  EXPECT_EQ(indices(predict(plain, logits, -1, 0)), (std::vector<int>{1, 3, 0}));
  const Head own{.kind = HeadKind::sigmoid, .thresholds = {0.6f, 0.99f, 0.4f, 0.7f}};
  EXPECT_EQ(indices(predict(own, logits, -1, 0)), (std::vector<int>{3, 2}));
  EXPECT_EQ(indices(predict(own, logits, 0.9f, 0)), (std::vector<int>{1}));
  EXPECT_EQ(indices(predict(own, logits, 0.0f, 0)), (std::vector<int>{1, 3, 0, 2}));
  EXPECT_EQ(indices(predict(own, logits, 0.9f, 3)), (std::vector<int>{1, 3, 0}));
}

}  // namespace
}  // namespace resnet
