// A network's layers with their weights packed for one instruction set.
#pragma once

#include "core/arena.hpp"
#include "cpu/kernels.hpp"

#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::cpu {

enum class Algorithm { direct, winograd_f2, winograd_f4, winograd_f4_s2 };

// Of a Winograd algorithm.
WinogradForm winograd_form(Algorithm algorithm);

// One convolution (or the fully connected layer, a 1x1 convolution over images) with BatchNorm folded in.
struct ConvLayer {
  ConvSpec spec;
  Algorithm algorithm = Algorithm::direct;
  std::string kernel;             // "direct_1x1", "winograd_f4x4", …
  const void* weights = nullptr;  // packed
  const float* bias = nullptr;    // [OC], padded to the kernel's tile
};

struct StemLayer {
  const void* weights = nullptr;  // packed, not folded
  const float* scale = nullptr;   // bn1 as fma(acc, scale, shift)
  const float* shift = nullptr;
};

struct PackedLayers {
  StemLayer stem;
  std::vector<std::vector<ConvLayer>> modules;  // by module; a block's shortcut is its last layer
  ConvLayer head;
  Arena arena;
};

// Which algorithm a layer runs is fixed by the plan, the kernel table and the layer alone, never by the
// picture's size, the batch or the threads, so that those change no bit.
Algorithm choose_algorithm(const ConvSpec& spec, Plan plan, const KernelTable& kernels);

bool is_block(const Module& module);

// Packs the layers of modules [begin, end) on `threads` threads.
PackedLayers pack_layers(const Model& model, int begin, int end, Plan plan, const KernelTable& kernels,
                         int threads);

}  // namespace resnet::cpu
