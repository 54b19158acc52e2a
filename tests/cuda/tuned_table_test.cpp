// The table of kernels that ships (src/cuda/sm90/tuned_h200.inc), and how layers are looked up in it. Needs
// no GPU.
#include "cuda/sm90/choose.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace resnet::cuda::sm90 {
namespace {

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8};
constexpr std::int64_t kPixels[] = {1, 49, 196, 784, 3136, 25088, 200704, 802816, 12845056};

std::string name_of(Precision precision, const ConvSpec& spec) {
  return std::string(resnet::to_string(precision)) + " " + std::to_string(spec.kernel) + "x" +
         std::to_string(spec.kernel) + " " + std::to_string(spec.in_channels) + " to " +
         std::to_string(spec.out_channels) + ", stride " + std::to_string(spec.stride);
}

// f(precision, layer) of every convolution behind the stem of the three networks.
template <class F>
void each_layer(const F& f) {
  for (const Precision precision : kPrecisions) {
    for (const int depth : {18, 34, 50}) {
      const Architecture network(depth, 1000);
      for (int m = 1; m < network.head(); ++m) {
        for (const ConvSpec& spec : network.convolutions(m)) f(precision, spec);
      }
    }
  }
}

TEST(TunedTable, HasEveryLayerOfTheNetworks) {
  int layers = 0;
  each_layer([&](Precision precision, const ConvSpec& spec) {
    EXPECT_NE(find_tuned(precision, spec), nullptr) << name_of(precision, spec);
    ++layers;
  });
  EXPECT_EQ(layers, 4 * (19 + 35 + 52));
}

TEST(TunedTable, HasALayerOnce) {
  std::set<std::tuple<Precision, int, int, int, int>> seen;
  for (const TunedLayer& l : tuned_layers())
    EXPECT_TRUE(seen.emplace(l.precision, l.kernel, l.stride, l.in_channels, l.out_channels).second);
}

TEST(TunedTable, NamesKernelsThatThereAre) {
  for (const TunedLayer& l : tuned_layers()) {
    const ConvSpec spec{"", "", l.in_channels, l.out_channels, l.kernel, l.stride, l.kernel / 2};
    for (const Plan plan : {Plan::latency, Plan::throughput}) {
      for (const std::int64_t pixels : kPixels)
        EXPECT_TRUE(possible(l.precision, choose(l.precision, plan, spec, pixels), spec))
            << name_of(l.precision, spec) << ", " << pixels;
    }
  }
}

TEST(TunedTable, TilesComeInTheOrderOfPixels) {
  for (const TunedLayer& l : tuned_layers()) {
    EXPECT_EQ(l.tiles[0].pixels, 0);
    std::int64_t last = 0;
    bool ended = false;
    for (int i = 1; i < TunedLayer::kMostTiles; ++i) {
      const std::int64_t from = l.tiles[i].pixels;
      ended |= from == 0;
      EXPECT_TRUE(ended ? from == 0 : from > last);
      last = from;
    }
  }
}

// Other bits would come of another order of additions.
TEST(Choose, SplitsALayerAlikeForAnyNumberOfPixels) {
  each_layer([](Precision precision, const ConvSpec& spec) {
    const Choice one = choose(precision, Plan::latency, spec, kPixels[0]);
    for (const std::int64_t pixels : kPixels) {
      const Choice other = choose(precision, Plan::latency, spec, pixels);
      EXPECT_EQ(other.split, one.split) << name_of(precision, spec) << ", " << pixels;
      EXPECT_TRUE(other.shape == TileShape::m64n64_cluster || other.split == 1);
      EXPECT_EQ(choose(precision, Plan::throughput, spec, pixels).split, 1);
    }
  });
}

TEST(Choose, TakesTheRowsTileFromItsPixelsOn) {
  const TunedLayer row{Precision::fp16, 1, 1, 64, 64, 4, {{0, TileShape::m64n64}, {100, TileShape::m128n64}}};
  EXPECT_EQ(choice_of(row, Plan::throughput, 99), (Choice{TileShape::m64n64, 1}));
  EXPECT_EQ(choice_of(row, Plan::throughput, 100), (Choice{TileShape::m128n64, 1}));
  EXPECT_EQ(choice_of(row, Plan::latency, 100), (Choice{TileShape::m64n64_cluster, 4}));
}

TEST(Choose, GoesByTheRuleWhereTheTableHasNoRow) {
  const ConvSpec unknown{"", "", 192, 320, 3, 1, 1};
  for (const Precision precision : kPrecisions) {
    EXPECT_EQ(find_tuned(precision, unknown), nullptr);
    for (const Plan plan : {Plan::latency, Plan::throughput}) {
      for (const std::int64_t pixels : kPixels) {
        const Choice choice = choose(precision, plan, unknown, pixels);
        EXPECT_EQ(choice, choose_by_rule(precision, plan, unknown, pixels));
        EXPECT_TRUE(possible(precision, choice, unknown));
        EXPECT_EQ(choice.split, choose_by_rule(precision, plan, unknown, 1).split);
      }
    }
  }
}

}  // namespace
}  // namespace resnet::cuda::sm90
