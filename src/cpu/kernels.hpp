// What an instruction set provides to the cpu backend at a floating-point precision: one table of functions
// over plain structs.
//
// Activations are blocked by the lanes of the table. An element is fp32, or bf16 where the table is of that
// precision: then activations and the weights of convolutions are rounded to bf16 (to nearest, ties to even)
// wherever they are stored, and sums, biases, BatchNorm and logits are fp32. So what a module puts out is the
// same tensor whether it is fused with the next one or not.
//
// Every function computes one member's share of the work (rank of size) and never waits: barriers are
// the executor's. No sharing changes a bit: each output element is one chain of multiply-adds in
// ascending k, started from zero, however the elements are dealt out.
#pragma once

#include "cpu/activation.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace resnet::cpu {

// What is applied to the accumulators of a convolution before they are stored, in this order:
// + bias[oc], + residual, max(0, ·).
struct Epilogue {
  const float* bias = nullptr;  // [OC], or none
  Activation residual = {};     // of the output's n, c, h, w; data = nullptr: none
  bool relu = false;
};

// A direct convolution as implicit GEMM. k runs over channel blocks, kernel rows, kernel columns, lanes.
struct ConvArgs {
  Activation in;  // its halo is at least `padding`
  Activation out;
  const void* weights = nullptr;  // from pack_conv()
  int kernel = 1, stride = 1, padding = 0;
  Epilogue epilogue;
  std::size_t l2_bytes = 0;  // cache to block for
};

// The stem's convolution: 7x7, stride 2, padding 3.
struct StemArgs {
  const void* image = nullptr;    // stem_input()'s output
  int n = 0, h = 0, w = 0;        // of the image
  const void* weights = nullptr;  // from pack_stem()
  const float* scale = nullptr;   // stem_fused: bn1 as fma(acc, scale, shift)
  const float* shift = nullptr;
  Activation out = {};      // conv1's (stem_conv) or maxpool's (stem_fused) output
  void* scratch = nullptr;  // stem_scratch_bytes() for each member
};

// F(m x m, 3 x 3) of a stride: {2, 1}, {4, 1} or {4, 2}.
struct WinogradForm {
  int m = 4, stride = 1;
};

// A 3x3, padding 1 convolution by Winograd's minimal filtering: independent matrix products, one a point,
// between transformed input tiles and transformed weights. A call handles the tiles [tile_begin, tile_end) of
// the N * TH * TW there are, each m x m outputs.
struct WinogradArgs {
  Activation in, out;
  WinogradForm form;
  const float* weights = nullptr;  // from Winograd::pack()
  Epilogue epilogue;
  float* v = nullptr;         // transformed input, [slots][C/L][tiles][L]; Winograd::input_bytes()
  float* products = nullptr;  // the products, [points][OC/L][tiles][L]; Winograd::product_bytes()
  int tile_begin = 0, tile_end = 0;
};

struct PoolArgs {
  Activation in, out;
};

struct FullyConnectedArgs {
  Activation in;  // [1][C/L][1][N][L]: images as pixels
  int outputs = 0;
  const void* weights = nullptr;  // from pack_conv(), kernel 1
  const float* bias = nullptr;
  float* out = nullptr;  // [N][outputs]
};

struct KernelTable {
  std::string_view isa;
  std::string_view conv_kernel, stem_kernel;  // what a trace calls the direct convolutions and the stem
  int element_bytes;
  int lanes;          // L: channels of an activation's block
  int tile_channels;  // output channels of a convolution's tile; packed weights are padded to a multiple of
                      // it

  // Packing. Each writes its member's share of `packed`. oc_scale (BatchNorm folding) multiplies each output
  // channel's weights in double, rounded to fp32 once; null for none.
  std::size_t (*packed_conv_bytes)(int ic, int oc, int kernel);
  void (*pack_conv)(const float* oihw, const double* oc_scale, int ic, int oc, int kernel, void* packed,
                    int rank, int size);
  std::size_t (*packed_stem_bytes)(int oc);
  void (*pack_stem)(const float* oihw, int oc, void* packed);

  // Operators.
  void (*conv)(const ConvArgs&, int rank, int size);
  // Empty where every convolution is direct.
  struct Winograd {
    std::size_t (*packed_bytes)(int ic, int oc, const WinogradForm& form) = nullptr;
    void (*pack)(const float* oihw, const double* oc_scale, int ic, int oc, const WinogradForm& form,
                 float* packed, int rank, int size) = nullptr;
    std::size_t (*input_bytes)(const WinogradForm& form, int tiles, int ic) = nullptr;
    std::size_t (*product_bytes)(const WinogradForm& form, int tiles, int oc) = nullptr;
    void (*input)(const WinogradArgs&, int rank, int size) = nullptr;
    void (*gemm)(const WinogradArgs&, int rank, int size) = nullptr;
    void (*output)(const WinogradArgs&, int rank, int size) = nullptr;
  } winograd;
  std::size_t (*stem_image_bytes)(int h, int w);  // of each image
  void (*stem_input)(const float* nchw, int n, int h, int w, void* image, int rank, int size);
  std::size_t (*stem_scratch_bytes)(int w);
  void (*stem_conv)(const StemArgs&, int rank, int size);
  void (*stem_fused)(const StemArgs&, int rank, int size);  // + bn1, relu, maxpool
  void (*scale_shift)(const Activation& in, const float* scale, const float* shift, const Activation& out,
                      int rank, int size);
  void (*relu)(const Activation& in, const Activation& out, int rank, int size);
  void (*subsample)(const PoolArgs&, int rank, int size);  // every second pixel of every second row
  void (*max_pool)(const PoolArgs&, int rank, int size);
  // Mean over each plane. `out` is [1][C/L][1][N][L]: images as pixels, so that the fully connected layer is
  // a 1x1 convolution.
  void (*global_average_pool)(const PoolArgs&, int rank, int size);
  void (*fully_connected)(const FullyConnectedArgs&, int rank, int size);
  void (*to_blocked)(const float* nchw, const Activation& out, int rank, int size);
  void (*from_blocked)(const Activation& in, int channels, float* nchw, int rank, int size);
  void (*zero_halo)(const Activation& a, int rank, int size);

  // Runs `iterations` rounds of independent multiply-adds; returns the operations done. For the roof.
  double (*multiply_add_operations)(std::int64_t iterations);
};

// The instruction sets of this build; null where the build has none such.
const KernelTable* avx512_kernels();
const KernelTable* avx2_kernels();
const KernelTable* neon_kernels();
const KernelTable* portable_kernels();
const KernelTable* amx_bf16_kernels();
const KernelTable* portable_bf16_kernels();

}  // namespace resnet::cpu
