// What an instruction set provides to the cpu backend: one table of functions over plain structs.
//
// Activations inside the backend are blocked, [N][C/L][H][W][L] with L = lanes of the instruction set,
// so that a vector holds L channels of one pixel and neighbouring pixels are neighbours in memory. An
// activation may carry a halo of zero pixels on all four sides, which lets a padded convolution read
// without looking at borders.
//
// Every function computes one member's share of the work (rank of size) and never waits: barriers are
// the executor's. No sharing changes a bit: each output element is one chain of multiply-adds in
// ascending k, started from zero, however the elements are dealt out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace resnet::cpu {

// A blocked activation. `data` points at the block including the halo.
struct Activation {
  float* data = nullptr;
  int n = 0, c = 0, h = 0, w = 0;
  int halo = 0;  // zero pixels around each channel block's plane: 0 or 1
};

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
  const float* weights = nullptr;  // from pack_conv()
  int kernel = 1, stride = 1, padding = 0;
  Epilogue epilogue;
  std::size_t l2_bytes = 0;  // cache to block for
};

// The stem's convolution: 7x7, stride 2, padding 3.
struct StemArgs {
  const float* image = nullptr;    // stem_input()'s output
  int n = 0, h = 0, w = 0;         // of the image
  const float* weights = nullptr;  // from pack_stem()
  const float* scale = nullptr;    // stem_fused: bn1 as fma(acc, scale, shift)
  const float* shift = nullptr;
  Activation out = {};       // conv1's (stem_conv) or maxpool's (stem_fused) output
  float* scratch = nullptr;  // stem_scratch_floats() for each member
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
  const float* weights = nullptr;  // from pack_winograd()
  Epilogue epilogue;
  float* v = nullptr;         // transformed input, [slots][C/L][tiles][L]; winograd_input_floats()
  float* products = nullptr;  // the products, [points][OC/L][tiles][L]; winograd_product_floats()
  int tile_begin = 0, tile_end = 0;
};

struct PoolArgs {
  Activation in, out;
};

struct KernelTable {
  std::string_view isa;
  int lanes;          // L
  int tile_pixels;    // the micro-kernel's tile: at most this many pixels …
  int tile_channels;  // … by this many output channels; packed weights are padded to a multiple of it

  // Packing. Each writes its member's share of `packed`. oc_scale (BatchNorm folding) multiplies each output
  // channel's weights in double, rounded to fp32 once; null for none.
  std::size_t (*packed_conv_floats)(int ic, int oc, int kernel);
  void (*pack_conv)(const float* oihw, const double* oc_scale, int ic, int oc, int kernel, float* packed,
                    int rank, int size);
  std::size_t (*packed_stem_floats)(int oc);
  void (*pack_stem)(const float* oihw, int oc, float* packed);
  std::size_t (*packed_winograd_floats)(int ic, int oc, const WinogradForm& form);
  void (*pack_winograd)(const float* oihw, const double* oc_scale, int ic, int oc, const WinogradForm& form,
                        float* packed, int rank, int size);

  // Operators.
  void (*conv)(const ConvArgs&, int rank, int size);
  std::size_t (*winograd_input_floats)(const WinogradForm& form, int tiles, int ic);
  std::size_t (*winograd_product_floats)(const WinogradForm& form, int tiles, int oc);
  void (*winograd_input)(const WinogradArgs&, int rank, int size);
  void (*winograd_gemm)(const WinogradArgs&, int rank, int size);
  void (*winograd_output)(const WinogradArgs&, int rank, int size);
  std::size_t (*stem_image_floats)(int h, int w);  // of each image
  void (*stem_input)(const float* nchw, int n, int h, int w, float* image, int rank, int size);
  std::size_t (*stem_scratch_floats)(int w);
  void (*stem_conv)(const StemArgs&, int rank, int size);
  void (*stem_fused)(const StemArgs&, int rank, int size);  // + bn1, relu, maxpool
  void (*scale_shift)(const Activation& in, const float* scale, const float* shift, const Activation& out,
                      int rank, int size);
  void (*relu)(const Activation& in, const Activation& out, int rank, int size);
  void (*subsample)(const PoolArgs&, int rank, int size);  // every second pixel of every second row
  void (*max_pool)(const PoolArgs&, int rank, int size);
  // Mean over each plane. `out` is [1][C/L][1][N][L]: images as pixels, ready for the fully connected
  // layer, which is a 1x1 convolution of it.
  void (*global_average_pool)(const PoolArgs&, int rank, int size);
  void (*to_blocked)(const float* nchw, const Activation& out, int rank, int size);
  void (*from_blocked)(const Activation& in, int channels, float* nchw, int rank, int size);
  void (*zero_halo)(const Activation& a, int rank, int size);

  // Runs `iterations` rounds of independent fused multiply-adds; returns the operations done. For the roof.
  double (*fma_operations)(std::int64_t iterations);
};

// The instruction sets of this build; null where the build has none such.
const KernelTable* avx512_kernels();
const KernelTable* avx2_kernels();
const KernelTable* neon_kernels();
const KernelTable* portable_kernels();

}  // namespace resnet::cpu
