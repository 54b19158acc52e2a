#include "train/data/epoch_plan.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

using Remainder = EpochPlan::Remainder;

TEST(Shuffled, IsAPermutationOfItsOwnForEachSeedAndEpoch) {
  std::vector<std::vector<std::int64_t>> orders;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (int epoch = 0; epoch < 3; ++epoch) {
      orders.push_back(shuffled(50, seed, epoch));
      EXPECT_EQ(orders.back(), shuffled(50, seed, epoch));
      std::vector<std::int64_t> sorted = orders.back();
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t i = 0; i < 50; ++i) ASSERT_EQ(sorted[i], static_cast<std::int64_t>(i));
    }
  }
  std::sort(orders.begin(), orders.end());
  EXPECT_EQ(std::unique(orders.begin(), orders.end()), orders.end());
  EXPECT_EQ(shuffled(1, 5, 5), (std::vector<std::int64_t>{0}));
  EXPECT_TRUE(shuffled(0, 5, 5).empty());
}

TEST(Shuffled, PutsEverySampleEverywhereAsOften) {
  std::vector<int> at_front(8);
  for (int epoch = 0; epoch < 8000; ++epoch) ++at_front[static_cast<std::size_t>(shuffled(8, 1, epoch)[0])];
  for (const int count : at_front) EXPECT_NEAR(count, 1000, 130);
}

// How often each position is in a batch, and each process's number of samples.
struct Dealt {
  std::vector<int> positions;
  std::vector<std::int64_t> of_rank;
};

Dealt deal(std::int64_t samples, int batch, int world_size, Remainder remainder) {
  Dealt dealt;
  dealt.positions.resize(static_cast<std::size_t>(samples));
  for (int rank = 0; rank < world_size; ++rank) {
    const EpochPlan plan{samples, batch, rank, world_size, remainder};
    std::int64_t own = 0;
    for (std::int64_t b = 0; b < plan.batches(); ++b) {
      const EpochPlan::Part part = plan.part(b);
      EXPECT_GE(part.count, 1);
      EXPECT_LE(part.count, batch);
      EXPECT_TRUE(remainder != Remainder::drop || part.count == batch);
      for (int i = 0; i < part.count; ++i) ++dealt.positions.at(static_cast<std::size_t>(part.first + i));
      own += part.count;
    }
    dealt.of_rank.push_back(own);
  }
  return dealt;
}

TEST(EpochPlan, NoSampleTwiceAndTheSameNumberForEveryProcess) {
  for (std::int64_t samples = 0; samples < 60; ++samples) {
    for (const int batch : {1, 2, 3, 7}) {
      for (const int world_size : {1, 2, 3, 5}) {
        for (const Remainder remainder : {Remainder::drop, Remainder::share, Remainder::keep_all}) {
          const Dealt dealt = deal(samples, batch, world_size, remainder);
          for (const int times : dealt.positions) ASSERT_LE(times, 1);
          const auto used = std::accumulate(dealt.positions.begin(), dealt.positions.end(), std::int64_t{0});
          const std::int64_t left_out = samples - used;
          switch (remainder) {
            case Remainder::drop:
              EXPECT_EQ(left_out, samples % (std::int64_t{batch} * world_size));
              break;
            case Remainder::share:
              EXPECT_LT(left_out, world_size);
              break;
            case Remainder::keep_all:
              EXPECT_EQ(left_out, 0);
              continue;
          }
          for (const std::int64_t own : dealt.of_rank) EXPECT_EQ(own, dealt.of_rank[0]);
        }
      }
    }
  }
}

TEST(EpochPlan, AStepOfAllProcessesIsOneRunOfTheOrder) {
  for (std::int64_t step = 0; step < 3; ++step) {
    for (int rank = 0; rank < 4; ++rank) {
      const EpochPlan plan{.samples = 100, .batch = 8, .rank = rank, .world_size = 4};
      EXPECT_EQ(plan.part(step).first, step * 32 + rank * 8);
    }
  }
}

}  // namespace
}  // namespace resnet::train
