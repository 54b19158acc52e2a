// What a kernel is told of what follows a layer's sums (epilogue.cuh). Free of CUDA's headers.
#pragma once

#include "cuda/activation.hpp"

namespace resnet::cuda {

// As a plan has it.
struct Epilogue {
  bool relu = false;
  const Activation* residual = nullptr;  // same shape as the output
  bool residual_signed = false;          // int8
  float residual_multiplier = 0;         // int8
};

// The result is fp32 [m][n] at `raw` where that is not null, else a tensor in the format of the operands.
struct EpilogueParams {
  const float* scale = nullptr;  // [channels, padded to kPaddedChannels]; int8: the multiplier
  const float* shift = nullptr;  // [channels, padded to kPaddedChannels]; int8: int32, added to the sum
  bool relu = false;
  bool has_residual = false;
  float residual_scale = 0;      // int8: m_r
  bool residual_signed = false;  // int8: s8, else u8
  float low = 0, high = 0;       // int8: range of the result
  float* raw = nullptr;
  void* out = nullptr;
  const void* residual = nullptr;

  // All but scale, shift and raw.
  void set(const Activation& output, const Epilogue& epilogue);
};

}  // namespace resnet::cuda
