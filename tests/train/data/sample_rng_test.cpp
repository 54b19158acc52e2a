#include "train/data/sample_rng.hpp"

#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

// The first outputs that Vigna's published C code of SplitMix64 gives for the seed 1234567.
TEST(SampleRng, IsSplitMix64) {
  SampleRng rng(1234567);
  EXPECT_EQ(rng.next(), 6457827717110365317u);
  EXPECT_EQ(rng.next(), 3203168211198807973u);
  EXPECT_EQ(rng.next(), 9817491932198370423u);
}

TEST(SampleRng, EveryNumberItIsMadeFromMatters) {
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (int epoch = 0; epoch < 4; ++epoch) {
      for (int sample = 0; sample < 50; ++sample) {
        for (int stream = 0; stream < 3; ++stream)
          first.insert(SampleRng(seed, epoch, sample, stream).next());
      }
    }
  }
  EXPECT_EQ(first.size(), 4u * 4u * 50u * 3u);
  EXPECT_EQ(SampleRng(7, 3, 12).next(), SampleRng(7, 3, 12).next());
}

TEST(SampleRng, UniformFillsItsRange) {
  SampleRng rng(1);
  double sum = 0, squares = 0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double u = rng.uniform(-2, 4);
    ASSERT_GE(u, -2);
    ASSERT_LT(u, 4);
    sum += u;
    squares += u * u;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 1, 0.03);
  EXPECT_NEAR(squares / count - mean * mean, 3, 0.05);  // 6^2 / 12
}

TEST(SampleRng, BelowGivesEveryNumberAsOften) {
  SampleRng rng(2);
  std::vector<int> seen(7);
  for (int i = 0; i < 70000; ++i) ++seen[static_cast<std::size_t>(rng.below(7))];
  for (const int count : seen) EXPECT_NEAR(count, 10000, 400);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.below(1), 0);
}

TEST(SampleRng, ChanceOfNothingAndOfAll) {
  SampleRng rng(3);
  int half = 0;
  for (int i = 0; i < 10000; ++i) {
    ASSERT_FALSE(rng.chance(0));
    ASSERT_TRUE(rng.chance(1));
    half += rng.chance(0.5);
  }
  EXPECT_NEAR(half, 5000, 200);
}

// Mean 1/2, variance 1 / (4 (2 alpha + 1)).
TEST(SampleRng, BetaHasItsMoments) {
  for (const double alpha : {0.2, 0.5, 1.0}) {
    SampleRng rng(4);
    double sum = 0, squares = 0;
    const int count = 50000;
    for (int i = 0; i < count; ++i) {
      const double x = rng.symmetric_beta(alpha);
      ASSERT_TRUE(x >= 0 && x <= 1);
      sum += x;
      squares += x * x;
    }
    const double mean = sum / count;
    EXPECT_NEAR(mean, 0.5, 0.01);
    EXPECT_NEAR(squares / count - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.005);
  }
}

}  // namespace
}  // namespace resnet::train
