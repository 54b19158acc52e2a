// What follows a layer's sums in every family of kernels: y = relu(sum · scale + shift + residual), or
// docs/int8.md's requantisation. One definition, so that a sum gives the same bits wherever it was made.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/epilogue.hpp"

namespace resnet::cuda {

// What a layer multiplies its sums by and adds to them, for kCount neighbouring channels (int8: shift is
// int32).
template <int kCount>
struct Affine {
  Pack<float, kCount> scale, shift;
};

// What follows the sum. `r` holds the residual, and then the result, by plane.
template <class Format, int kCount>
__device__ __forceinline__ void finish(const typename Format::Sum (&sum)[kCount], const EpilogueParams& p,
                                       const Affine<kCount>& affine,
                                       Pack<typename Format::Element, kCount> (&r)[Format::kPlanes]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if constexpr (sizeof(typename Format::Element) == 1) {  // docs/int8.md, rules 5 and 6: every step rounds
      float y = __fmul_rn(__int2float_rn(sum[i] + __float_as_int(affine.shift.e[i])), affine.scale.e[i]);
      if (p.has_residual) {
        const float step = p.residual_signed ? from_s8(r[0].e[i]) : from_u8(r[0].e[i]);
        y = __fadd_rn(y, __fmul_rn(step, p.residual_scale));
      }
      r[0].e[i] = low_byte_of_rounded(fminf(fmaxf(y, p.low), p.high));
    } else {
      float y = fmaf(sum[i], affine.scale.e[i], affine.shift.e[i]);
      if (p.has_residual) {
        float x = Format::widen(r[0].e[i]);
        if constexpr (Format::kPlanes == 2) x += Format::widen(r[1].e[i]);
        y += x;
      }
      if (p.relu) y = fmaxf(y, 0);
      if constexpr (Format::kPlanes == 2) {
        split(y, r[0].e[i], r[1].e[i]);
      } else {
        r[0].e[i] = Format::narrow(y);
      }
    }
  }
}

template <int kCount>
__device__ __forceinline__ Affine<kCount> load_affine(const EpilogueParams& p, int channel) {
  return {*reinterpret_cast<const Pack<float, kCount>*>(p.scale + channel),
          *reinterpret_cast<const Pack<float, kCount>*>(p.shift + channel)};
}

// The fp32 result: sum · scale + shift, ReLU where asked for. (int8: the head's logits.)
template <class Sum>
__device__ __forceinline__ float finish_raw(Sum sum, const EpilogueParams& p, int channel) {
  if constexpr (sizeof(Sum) == 4 && static_cast<Sum>(0.5f) == 0) {
    return __fmul_rn(__int2float_rn(sum + reinterpret_cast<const int*>(p.shift)[channel]), p.scale[channel]);
  } else {
    const float y = fmaf(sum, p.scale[channel], p.shift[channel]);
    return p.relu ? fmaxf(y, 0) : y;
  }
}

}  // namespace resnet::cuda
