// A quantised network's layers with their weights packed for one instruction set.
#pragma once

#include "core/arena.hpp"
#include "cpu/int8/kernels.hpp"

#include <vector>

#include <resnet/model.hpp>

namespace resnet::cpu::int8 {

// A convolution, the stem's or the fully connected layer.
struct Layer {
  ConvSpec spec;
  const void* weights = nullptr;       // packed
  const std::int32_t* bias = nullptr;  // in the kernels' order, padded to whole blocks
  const float* multiplier = nullptr;
  float output_scale = 1;  // the real value of one step
  bool winograd = false;   // weights and kernel are Winograd's
};

struct Block {
  std::vector<Layer> path;
  std::vector<Layer> shortcut;  // one, or none
  float residual_multiplier = 1;
};

struct PackedLayers {
  Layer stem;
  PixelRule pixels{};
  std::vector<Block> blocks;  // by module
  float pool_multiplier = 1;  // for one pixel
  Layer head;
  float input_scale = 1;  // of a step of what comes in at a cut
  Arena arena;
};

// Packs the layers of modules [begin, end) on `threads` threads.
PackedLayers pack_layers(const Model& model, int begin, int end, const KernelTable& kernels, int threads);

}  // namespace resnet::cpu::int8
