#include "verify/comparison.hpp"

#include "verify/verifier.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const Tolerance kLoose{.max_abs_rel = 0.1, .min_cosine = 0.9, .max_abs = std::nullopt};

Difference diff(const std::vector<float>& a, const std::vector<float>& b) {
  return difference(a, b);
}

TEST(Difference, Figures) {
  const Difference d = diff({1.0f, -2.0f, 3.5f}, {1.0f, -4.0f, 3.0f});
  EXPECT_EQ(d.count, 3);
  EXPECT_EQ(d.max_abs, 2.0);
  EXPECT_EQ(d.max_expected, 4.0);
  EXPECT_EQ(d.max_abs_rel(), 0.5);
  EXPECT_DOUBLE_EQ(d.mean_abs, 2.5 / 3);
  EXPECT_EQ(d.worst, 1);
  EXPECT_DOUBLE_EQ(d.cosine, (1 + 8 + 10.5) / (std::sqrt(1 + 4 + 12.25) * std::sqrt(1 + 16 + 9)));
}

TEST(Difference, SumsAreInDouble) {
  // In fp32 the cosine of these would be lost in rounding.
  const std::vector<float> a(1 << 20, 0.1f);
  EXPECT_NEAR(diff(a, a).cosine, 1.0, 1e-12);
  EXPECT_EQ(diff(a, a).max_abs, 0.0);
}

TEST(Difference, OfZeros) {
  EXPECT_EQ(diff({0, 0}, {0, 0}).max_abs_rel(), 0.0);
  EXPECT_EQ(diff({0, 0}, {0, 0}).cosine, 1.0);
  EXPECT_EQ(diff({0, 1e-30f}, {0, 0}).max_abs_rel(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(diff({0, 1}, {0, 0}).cosine, 0.0);
}

TEST(Difference, SizesMustBeEqual) {
  EXPECT_THROW(diff({1}, {1, 2}), Error);
}

TEST(Judge, NanAndInfinityFailWhereverTheyAre) {
  for (const float bad : {std::nanf(""), kInf, -kInf}) {
    const CheckpointResult ours =
        judge("m", {1, 3}, std::vector<float>{1, bad, 3}, std::vector<float>{1, 2, 3}, kLoose);
    EXPECT_FALSE(ours.ok);
    ASSERT_TRUE(ours.first_wrong);
    EXPECT_EQ(ours.first_wrong->index, 1);
    // Also where both have the same: a network that overflows is no proof of anything.
    EXPECT_FALSE(judge("m", {1, 2}, std::vector<float>{bad, 2}, std::vector<float>{bad, 2}, kLoose).ok);
  }
}

TEST(Judge, NothingComparedFails) {
  EXPECT_FALSE(judge("m", {0, 3}, std::vector<float>{}, std::vector<float>{}, kLoose).ok);
}

TEST(Judge, NamesTheFirstWrongElement) {
  std::vector<float> expected(2 * 3 * 4, 1.0f), ours = expected;
  ours[17] = 1.5f;
  ours[20] = 2.0f;  // worse, but later
  const CheckpointResult r = judge("m", {2, 3, 4}, ours, expected, kLoose);
  EXPECT_FALSE(r.ok);
  ASSERT_TRUE(r.first_wrong);
  EXPECT_EQ(r.first_wrong->index, 17);
  EXPECT_EQ(r.first_wrong->ours, 1.5);
  EXPECT_EQ(r.first_wrong->expected, 1.0);
  EXPECT_EQ(position(r.shape, r.first_wrong->index), "[1, 1, 1]");
  EXPECT_EQ(r.difference.worst, 20);
}

TEST(Judge, EachBoundIsEnforced) {
  const std::vector<float> expected{100.0f, 1.0f, -1.0f}, ours{100.5f, 1.0f, -1.0f};
  Tolerance t{.max_abs_rel = 0.006, .min_cosine = 0.9, .max_abs = std::nullopt};
  EXPECT_TRUE(judge("m", {3}, ours, expected, t).ok);
  t.max_abs_rel = 0.004;
  EXPECT_FALSE(judge("m", {3}, ours, expected, t).ok);
  t.max_abs_rel = 0.006;
  t.max_abs = 0.4;
  EXPECT_FALSE(judge("m", {3}, ours, expected, t).ok);
  t.max_abs = 0.6;
  t.min_cosine = 1.0;
  EXPECT_FALSE(judge("m", {3}, ours, expected, t).ok);
}

TEST(Judge, ExactMeansTheSameBits) {
  const std::vector<float> expected{0.1f, -0.2f};
  EXPECT_TRUE(judge("input", {2}, expected, expected, kExact).ok);
  const std::vector<float> ours{std::nextafter(0.1f, 1.0f), -0.2f};
  EXPECT_FALSE(judge("input", {2}, ours, expected, kExact).ok);
}

}  // namespace
}  // namespace resnet::verify
