// What an instruction set provides to the cpu backend at precision int8: one table of functions over plain
// structs. What they compute is written down in docs/int8.md; every table gives the same bits.
//
// Activations are blocked by kBlock channels, [N][C/64][H][W][64], one cache line a pixel where an element is
// a byte. An element is a step of the quantised tensor: u8 (or s8, for the downsampling shortcut), or s16
// where the instruction set multiplies nothing narrower; all of them mean the same number.
//
// Every function computes one member's share of the work (rank of size) and never waits.
#pragma once

#include "cpu/activation.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace resnet::cpu::int8 {

inline constexpr int kBlock = 64;  // channels of a block; tensors are padded to whole blocks

constexpr int padded_channels(int channels) {
  return (channels + kBlock - 1) / kBlock * kBlock;
}

// From accumulators to steps, for each output channel; both arrays are padded to whole blocks and lie in the
// order of KernelTable::channel.
struct Requantize {
  const std::int32_t* bias = nullptr;  // with the instruction set's own corrections (packed_bias())
  const float* multiplier = nullptr;
  Activation residual = {};  // of the output's n, c, h, w; data = nullptr: none
  float residual_multiplier = 0;
};

// A convolution as implicit GEMM. k runs over channel blocks, kernel rows, kernel columns, channels.
struct ConvArgs {
  Activation in;  // unsigned; its halo is at least `padding`
  Activation out;
  const void* weights = nullptr;  // from pack_conv()
  int kernel = 1, stride = 1, padding = 0;
  Requantize requantize;
  std::size_t l2_bytes = 0;  // cache to block for
};

// The stem: 7x7, stride 2, padding 3 on pixels, and with `pooled` the 3x3 max pool of stride 2 behind it.
struct StemArgs {
  const std::uint8_t* image = nullptr;  // stem_input()'s output
  int n = 0, h = 0, w = 0;              // of the pictures
  const void* weights = nullptr;        // from pack_stem()
  Requantize requantize;
  Activation out;
  bool pooled = false;
  void* scratch = nullptr;  // stem_scratch_bytes() for each member
};

// What turns a normalised tensor back into the pixels it came from (docs/int8.md, rule 2).
struct PixelRule {
  float mean[3], std[3];
  std::uint8_t centre[3];  // what padding stands for
};

struct FullyConnectedArgs {
  Activation in;  // [1][C/64][1][N][64]: images as pixels
  int outputs = 0;
  const void* weights = nullptr;  // from pack_fully_connected()
  const std::int32_t* bias = nullptr;
  const float* multiplier = nullptr;
  float* out = nullptr;  // [N][outputs]
};

struct KernelTable {
  std::string_view isa;
  std::string_view conv_kernel;  // what a trace calls the convolutions
  int element_bytes;
  // The channel whose parameters lie at `position` of a packed array (a permutation within each block).
  int (*channel)(int position);
  // bias[oc] is packed as bias[oc] + offset · Σ weight: 128 where activations are multiplied as s8, less 128.
  int input_offset;

  // Packing. Each writes its member's share of `packed`. Weights are OIHW in -127 … 127.
  std::size_t (*packed_conv_bytes)(int ic, int oc, int kernel);
  void (*pack_conv)(const std::int8_t* oihw, int ic, int oc, int kernel, void* packed, int rank, int size);
  std::size_t (*packed_stem_bytes)(int oc);
  void (*pack_stem)(const std::int8_t* oihw, int oc, void* packed);
  std::size_t (*packed_fully_connected_bytes)(int ic, int oc);
  void (*pack_fully_connected)(const std::int8_t* oi, int ic, int oc, void* packed, int rank, int size);

  // Operators.
  void (*conv)(const ConvArgs&, int rank, int size);
  // 3x3, stride 1 by Winograd's algorithm, with the same results (winograd.hpp); empty where the direct one
  // is faster. `scratch` is the member's own.
  struct Winograd {
    bool (*is_exact)(const std::int8_t* oihw, int ic, int oc) = nullptr;  // for every input
    std::size_t (*packed_bytes)(int ic, int oc) = nullptr;
    void (*pack)(const std::int8_t* oihw, int ic, int oc, void* packed, int rank, int size) = nullptr;
    std::size_t (*scratch_bytes)(int ic) = nullptr;
    void (*conv)(const ConvArgs&, void* scratch, int rank, int size) = nullptr;
    // Of output. With more the weights, which are eight times the size, are read for so few pixels that the
    // processor waits for memory.
    int most_channels = 0;
  } winograd;
  std::size_t (*stem_image_bytes)(int h, int w);  // of each picture
  void (*stem_input)(const float* nchw, int n, int h, int w, const PixelRule&, std::uint8_t* image, int rank,
                     int size);
  std::size_t (*stem_scratch_bytes)(int w, int oc);
  void (*stem)(const StemArgs&, int rank, int size);
  void (*max_pool)(const Activation& in, const Activation& out, int rank, int size);
  void (*subsample)(const Activation& in, const Activation& out, int rank, int size);
  // out: [1][C/64][1][N][64]. multiplier: steps of the input's sum → steps of the output.
  void (*global_average_pool)(const Activation& in, float multiplier, const Activation& out, int rank,
                              int size);
  void (*fully_connected)(const FullyConnectedArgs&, int rank, int size);
  // Between steps and multiples of `scale`, which are exact both ways. `channels` of them are real.
  void (*to_blocked)(const float* nchw, int channels, float scale, const Activation& out, int rank, int size);
  void (*from_blocked)(const Activation& in, int channels, float scale, float* nchw, int rank, int size);
  void (*zero_halo)(const Activation& a, int rank, int size);

  // Runs `iterations` rounds of independent multiply-adds; returns the operations done. For the roof.
  double (*multiply_add_operations)(std::int64_t iterations);
};

// The instruction sets of this build; null where the build has none such.
const KernelTable* amx_kernels();
const KernelTable* avx512_vnni_kernels();
const KernelTable* avx_vnni_kernels();
const KernelTable* avx2_kernels();
const KernelTable* neon_i8mm_kernels();
const KernelTable* neon_dotprod_kernels();
const KernelTable* neon_kernels();
const KernelTable* portable_kernels();

}  // namespace resnet::cpu::int8
