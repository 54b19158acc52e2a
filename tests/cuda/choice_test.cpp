// Which kernel of the families mma and simt runs a layer: what decides the order of additions depends on the
// layer alone. Needs no GPU.
#include "cuda/gathered/convolution.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::cuda::gathered {
namespace {

struct Size {
  int k_bytes, channels;
};
// The stem, and layers of ResNet-18 and -50, short sums and long, and the head of a tagger.
constexpr Size kLayers[] = {{448, 64},   {128, 256},  {1152, 64},   {512, 64},  {2304, 128}, {1024, 512},
                            {9216, 512}, {4096, 512}, {1024, 2048}, {4096, 80}, {4096, 1000}};
constexpr int kMultiprocessors[] = {20, 40, 72, 108, 132, 188};
constexpr std::int64_t kPixels[] = {1, 49, 196, 784, 3136, 12544, 802816};

std::vector<ConvolutionKind> kinds() {
  std::vector<ConvolutionKind> all;
  for (const Family family : {Family::mma, Family::simt}) {
    for (const Precision precision : {Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8}) {
      for (const Plan plan : {Plan::latency, Plan::throughput}) all.push_back({family, precision, plan});
    }
  }
  return all;
}

// f(kind, layer, pixels, multiprocessors, choice) for all of them.
template <class F>
void each_choice(const F& f) {
  for (const ConvolutionKind& kind : kinds()) {
    for (const Size& layer : kLayers) {
      for (const std::int64_t pixels : kPixels) {
        for (const int count : kMultiprocessors)
          f(kind, layer, pixels, count, choose(kind, layer.k_bytes, layer.channels, pixels, count));
      }
    }
  }
}

TEST(Choice, TheChunksDependOnTheLayerAlone) {
  each_choice([](const ConvolutionKind& kind, const Size& layer, std::int64_t, int, const Choice& choice) {
    EXPECT_EQ(choice.chunks, choose(kind, layer.k_bytes, layer.channels, 1, 132).chunks);
    EXPECT_GE(choice.chunks, 1);
    EXPECT_LE(choice.chunks, layer.k_bytes / choice.kernel->piece_bytes);
    if (kind.plan == Plan::throughput) {
      EXPECT_EQ(choice.chunks, 1);
    }
    if (choice.chunks > 1) {
      EXPECT_TRUE(choice.kernel->chunks);
    }
  });
}

TEST(Choice, TheKernelIsOneOfTheFamilys) {
  each_choice(
      [](const ConvolutionKind& kind, const Size& layer, std::int64_t pixels, int, const Choice& choice) {
        const Kernels kernels = kernels_of(kind.family, kind.precision);
        EXPECT_TRUE(std::any_of(kernels.begin(), kernels.end(),
                                [&](const Kernel& k) { return &k == choice.kernel; }));
        EXPECT_EQ(layer.k_bytes % choice.kernel->piece_bytes, 0);
        EXPECT_TRUE(pixels > 1 || choice.kernel == &kernels.back()) << "a large tile for one pixel";
      });
}

TEST(Choice, OnlySpreadChunksWantScratchMemoryAndOnlyFewTilesAreSpread) {
  bool any = false;
  each_choice([&](const ConvolutionKind&, const Size& layer, std::int64_t pixels, int multiprocessors,
                  const Choice& choice) {
    const std::size_t bytes = scratch_bytes(choice, layer.channels, pixels);
    any |= choice.spread;
    EXPECT_EQ(choice.spread, bytes > 0);
    if (!choice.spread) return;
    EXPECT_GT(choice.chunks, 1);
    const std::size_t tile = static_cast<std::size_t>(choice.kernel->tile_m * choice.kernel->tile_n) * 4;
    EXPECT_LE(bytes, 16384 + static_cast<std::size_t>(multiprocessors * choice.chunks) * tile);
  });
  EXPECT_TRUE(any);
}

TEST(Choice, ManyPixelsGetTheLargestTile) {
  for (const Family family : {Family::mma, Family::simt}) {
    const Kernels kernels = kernels_of(family, Precision::fp16);
    EXPECT_EQ(choose({family, Precision::fp16, Plan::throughput}, 2304, 128, 802816, 132).kernel,
              &kernels.front());
  }
}

}  // namespace
}  // namespace resnet::cuda::gathered
