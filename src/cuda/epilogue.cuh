// What follows a layer's sums in every family of kernels: y = relu(sum · scale + shift + residual), or
// docs/int8.md's requantisation. One definition, so that a sum gives the same bits wherever it was made.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/epilogue.hpp"

#include <cstdint>
#include <cstring>

namespace resnet::cuda {

// What a layer multiplies its sums by and adds to them, for kCount neighbouring channels (int8: shift is
// int32).
template <int kCount>
struct Affine {
  Pack<float, kCount> scale, shift;
};

// int8: bytes as fp32, exactly: each under the exponent of kRounder, whose last bit is worth 1. A signed byte
// has its sign turned over, which makes it 128 too large.
template <int kCount>
__device__ __forceinline__ void widen_bytes(const Pack<std::uint8_t, kCount>& bytes, bool is_signed,
                                            float (&values)[kCount]) {
  std::uint32_t words[(kCount + 3) / 4] = {};
  std::memcpy(words, &bytes, kCount);
  const std::uint32_t turned = is_signed ? 0x80808080u : 0u;
  const float base = kRounder + (is_signed ? 128.0f : 0.0f);
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const std::uint32_t bits = __byte_perm(words[i / 4] ^ turned, __float_as_uint(kRounder), 0x7640 | i % 4);
    values[i] = __fsub_rn(__uint_as_float(bits), base);
  }
}

// What follows the sum. `r` holds the residual where there is one, and then the result, by plane. Whether
// there is one is known when this is compiled: a branch for each value would keep them from being computed
// side by side.
template <class Format, bool kResidual, int kCount>
__device__ __forceinline__ void finish_values(const typename Format::Sum (&sum)[kCount],
                                              const EpilogueParams& p, const Affine<kCount>& affine,
                                              Pack<typename Format::Element, kCount> (&r)[Format::kPlanes]) {
  if constexpr (sizeof(typename Format::Element) == 1) {  // docs/int8.md, rules 5 and 6: every step rounds
    float residual[kCount];
    if constexpr (kResidual) widen_bytes(r[0], p.residual_signed, residual);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      float y = __fmul_rn(__int2float_rn(sum[i] + __float_as_int(affine.shift.e[i])), affine.scale.e[i]);
      if constexpr (kResidual) y = __fadd_rn(y, __fmul_rn(residual[i], p.residual_scale));
      r[0].e[i] = low_byte_of_rounded(fminf(fmaxf(y, p.low), p.high));
    }
  } else {
    float y[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      y[i] = fmaf(sum[i], affine.scale.e[i], affine.shift.e[i]);
      if constexpr (kResidual) {
        float x = Format::widen(r[0].e[i]);
        if constexpr (Format::kPlanes == 2) x += Format::widen(r[1].e[i]);
        y[i] += x;
      }
      y[i] = p.relu ? fmaxf(y[i], 0) : y[i];
    }
    if constexpr (Format::kPlanes == 2) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) split(y[i], r[0].e[i], r[1].e[i]);
    } else {
      static_assert(kCount % 2 == 0);
#pragma unroll
      for (int i = 0; i < kCount; i += 2) {
        const typename Format::Two two = Format::narrow_two(y[i], y[i + 1]);
        r[0].e[i] = two.x, r[0].e[i + 1] = two.y;
      }
    }
  }
}

// The same where that is known when the kernel runs.
template <class Format, int kCount>
__device__ __forceinline__ void finish(const typename Format::Sum (&sum)[kCount], const EpilogueParams& p,
                                       const Affine<kCount>& affine,
                                       Pack<typename Format::Element, kCount> (&r)[Format::kPlanes]) {
  if (p.has_residual) {
    finish_values<Format, true>(sum, p, affine, r);
  } else {
    finish_values<Format, false>(sum, p, affine, r);
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
