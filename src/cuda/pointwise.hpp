// What a network needs besides convolutions, and the ways into and out of it. Each launches on `stream`,
// checks its launch and allocates nothing. NCHW tensors are fp32.
#pragma once

#include "cuda/activation.hpp"

#include <cuda_runtime_api.h>

namespace resnet::cuda {

// 8-bit pixels → the network's input: rgb [n][plane][3], table [3][256], chw [n][3][plane].
void normalise_pixels(const std::uint8_t* rgb, const float* table, int n, std::size_t plane, float* chw,
                      cudaStream_t stream);

// 8-bit pixels behind a normalised tensor (docs/int8.md, rule 2), and what padding stands for.
struct PixelRule {
  float mean[3], std[3];
  std::uint8_t centre[3];
};

// NCHW [n, 3, h, w] → the stem's input. `rule` is for int8.
void pack_stem_input(Precision precision, const float* input, const StemInput& out, const PixelRule& rule,
                     cudaStream_t stream);

// Between NCHW and activations. scale: int8's real value of a step; signed steps never leave a block.
void enter(Precision precision, const float* input, float scale, const Activation& out, cudaStream_t stream);
void leave(Precision precision, const Activation& in, float scale, float* output, cudaStream_t stream);

// bn1 and the stem's ReLU as modules of their own, on fp32 with `channels_last` ([pixels][c]) or NCHW; out is
// NCHW.
struct StemTail {
  const float *scale, *shift;  // [c]
  bool bn, relu;
  bool channels_last;
};
void stem_tail(const float* input, int n, int c, int pixels, const StemTail& tail, float* output,
               cudaStream_t stream);

// 3 × 3, stride 2, padding 1.
void max_pool(Precision precision, const Activation& in, const Activation& out, cudaStream_t stream);

// The mean of each channel: out is [n, 1, 1, c]. multiplier: int8's m_p (docs/int8.md, rule 7).
void global_average_pool(Precision precision, const Activation& in, float multiplier, const Activation& out,
                         cudaStream_t stream);

}  // namespace resnet::cuda
