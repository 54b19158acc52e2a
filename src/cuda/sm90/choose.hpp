// Which kernel runs a layer. The choice is looked up in a table that was measured on the GPU and ships with
// the program (tuned_h200.inc, made by `resnet bench --tune`); a layer that is not in it goes by a rule.
//
// The split of k decides the order of additions, and so the bits: it is fixed by precision, plan and layer
// alone. The tile changes no bit and follows the number of pixels.
#pragma once

#include "cuda/sm90/implicit_gemm.hpp"

#include <cstdint>
#include <span>
#include <string_view>

#include <resnet/architecture.hpp>
#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cuda::sm90 {

struct Choice {
  TileShape shape;
  int split;  // blocks that share the k of a tile; 1 but for m64n64_cluster

  bool operator==(const Choice&) const = default;
};

// `pixels`: of the output, of all images of a batch.
Choice choose(Precision precision, Plan plan, const ConvSpec& spec, std::int64_t pixels);

// What the rule alone says: for layers that the table does not have.
Choice choose_by_rule(Precision precision, Plan plan, const ConvSpec& spec, std::int64_t pixels);

// From so many output pixels on, this tile.
struct TileFrom {
  std::int64_t pixels;
  TileShape shape;
};

// A row of the table: a convolution that differs from others in what the choice may depend on.
struct TunedLayer {
  static constexpr int kMostTiles = 9;

  Precision precision;
  int kernel, stride, in_channels, out_channels;
  int split;                   // in the plan latency; 1: not split there either
  TileFrom tiles[kMostTiles];  // where k is not split: pixels ascending from 0, zeros after the last
};

// The table, and the row of a layer; null where it has none. bf16 has the rows of fp16: its kernels differ in
// nothing but the type of the product.
std::span<const TunedLayer> tuned_layers();
const TunedLayer* find_tuned(Precision precision, const ConvSpec& spec);

// What a row says.
Choice choice_of(const TunedLayer& layer, Plan plan, std::int64_t pixels);

// Whether there is a kernel for it, and a stage of k for each block of a split.
bool possible(Precision precision, Choice choice, const ConvSpec& spec);

// "m128n64": as the table writes it.
std::string_view to_string(TileShape shape) noexcept;

}  // namespace resnet::cuda::sm90
