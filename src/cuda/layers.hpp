// A network's layers with their weights packed on the device.
#pragma once

#include "cuda/families.hpp"
#include "cuda/memory.hpp"
#include "cuda/pointwise.hpp"

#include <cstddef>
#include <optional>
#include <vector>

#include <resnet/model.hpp>

namespace resnet::cuda {

// Scales and shifts are padded to whole tiles of output channels, which are read as a whole.
inline constexpr int kPaddedChannels = 128;

// A convolution or the fully connected layer, as the right operand of a matrix product: a row of k an output
// channel, (tap, input channel) in ascending order; in fp32 two planes of fp16, in int8 the channels of every
// sixteen in another order. Floating-point weights are
// multiplied by a power of two a channel, so that they use fp16's range; `scale` takes it back.
struct Layer {
  ConvSpec spec;
  int k = 0;     // elements of a row
  int rows = 0;  // output channels; int8: rounded up to 16
  DeviceBuffer<std::byte> weights;
  DeviceBuffer<float> scale;  // BatchNorm's γ/√(σ² + ε) over that power; int8: the multiplier
  DeviceBuffer<float> shift;  // β − μ·γ/√(σ² + ε), or the bias; int8: int32 values
  float output_scale = 1;     // int8: the real value of one step of the output
};

// Where an int8 channel's row lies: in the family sm90 within its sixteen, a thread of the tensor core holds
// columns 2t, 2t + 1, 2t + 8 and 2t + 9, which so are channels 4t … 4t + 3 (channel_of in
// sm90/arithmetic.cuh); in others in its place.
std::size_t int8_row(Family family, std::size_t channel);

struct Block {
  std::vector<Layer> path;
  std::optional<Layer> shortcut;
  float residual_multiplier = 1;  // int8
};

// conv1 reads windows of eight pixels, a row of the filter at a time (StemInput).
struct Stem {
  Layer conv;
  // The same weights for the kernel that is fused with maxpool (sm90, formats of one plane), as registers
  // hold them: [14 steps of 32 bytes of k][4 warps][32 lanes][4 words].
  DeviceBuffer<std::byte> fragments;
  DeviceBuffer<float> unit_scale, zero;    // conv1 alone: what takes the power of two back
  DeviceBuffer<float> bn_scale, bn_shift;  // bn1 alone
  PixelRule pixels{};                      // int8
};

struct Layers {
  std::optional<Stem> stem;
  std::vector<Block> blocks;  // by module
  std::optional<Layer> head;
  float pool_multiplier = 1;  // int8: for one pixel
  float input_scale = 1;      // int8: of a step of what comes in at a cut
};

// Those of modules [begin, end) on the current device. `precision` fp32, fp16, bf16, or int8 for a quantised
// model.
Layers pack_layers(const Model& model, int begin, int end, Precision precision, Family family);

}  // namespace resnet::cuda
