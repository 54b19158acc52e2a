// Reductions over the 32 lanes of a warp, in the same tree every time.
#pragma once

namespace resnet::cuda::stepwise {

constexpr int kWarpSize = 32;

// In each step a lane adds what the lane `offset` away holds; after five, every lane holds the sum of all.
// All 32 lanes must call.
__device__ inline float warp_sum(float value) {
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

// The same for the largest value.
__device__ inline float warp_max(float value) {
  for (int offset = kWarpSize / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

}  // namespace resnet::cuda::stepwise
