// The number formats of activations on the device. A tensor is NHWC; fp32 is two planes of fp16, one tensor
// after the other, whose sum is the value.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace resnet::cuda {

struct Half {
  using Element = __half;
  using Two = __half2;
  using Sum = float;
  static constexpr int kPlanes = 1;
  static __device__ __forceinline__ float widen(__half x) { return __half2float(x); }
  static __device__ __forceinline__ __half narrow(float x) { return __float2half_rn(x); }
  static __device__ __forceinline__ Two narrow_two(float x, float y) { return __floats2half2_rn(x, y); }
};

struct BFloat {
  using Element = __nv_bfloat16;
  using Two = __nv_bfloat162;
  using Sum = float;
  static constexpr int kPlanes = 1;
  static __device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
  static __device__ __forceinline__ __nv_bfloat16 narrow(float x) { return __float2bfloat16_rn(x); }
  static __device__ __forceinline__ Two narrow_two(float x, float y) { return __floats2bfloat162_rn(x, y); }
};

struct Single : Half {
  static constexpr int kPlanes = 2;
};

struct Int8 {
  using Element = std::uint8_t;
  using Sum = int;
  static constexpr int kPlanes = 1;
};

// Several neighbouring elements of one plane.
template <class Element, int kCount>
struct alignas(sizeof(Element) * kCount) Pack {
  Element e[kCount];
};

// fp32 as hi + lo. hi is computed from the sum of the two, so that splitting what a cut carries gives the
// same pair.
__device__ __forceinline__ void split(float x, __half& hi, __half& lo) {
  const __half first = __float2half_rn(x);
  const float sum = __half2float(first) + __half2float(__float2half_rn(x - __half2float(first)));
  hi = __float2half_rn(sum);
  lo = __float2half_rn(sum - __half2float(hi));
}

// Between small whole numbers and fp32 by way of 1.5 · 2^23, whose last bit is worth 1: conversions run at a
// fraction of the rate of additions. Exact, and rounding to nearest even, as core/requantize.hpp does it.
inline constexpr float kRounder = 12582912.0f;

// rne(x) of |x| ≤ 2^21, of which the lowest byte is taken.
__device__ __forceinline__ std::uint8_t low_byte_of_rounded(float x) {
  return static_cast<std::uint8_t>(__float_as_int(__fadd_rn(x, kRounder)));
}

__device__ __forceinline__ float from_u8(std::uint8_t x) {
  return __fsub_rn(__int_as_float(__float_as_int(kRounder) | x), kRounder);
}

__device__ __forceinline__ float from_s8(std::uint8_t x) {
  return __fsub_rn(__int_as_float(__float_as_int(kRounder) | (x ^ 0x80)), kRounder + 128.0f);
}

// Element i of a tensor whose planes are `plane` elements apart, as fp32 (int8: as its step, u8).
template <class Format>
__device__ __forceinline__ float load_value(const typename Format::Element* tensor, std::size_t i,
                                            std::size_t plane) {
  if constexpr (sizeof(typename Format::Element) == 1) {
    return from_u8(tensor[i]);
  } else if constexpr (Format::kPlanes == 2) {
    return Format::widen(tensor[i]) + Format::widen(tensor[plane + i]);
  } else {
    return Format::widen(tensor[i]);
  }
}

// Floating-point formats.
template <class Format>
__device__ __forceinline__ void store_value(float x, typename Format::Element* tensor, std::size_t i,
                                            std::size_t plane) {
  if constexpr (Format::kPlanes == 2) {
    split(x, tensor[i], tensor[plane + i]);
  } else {
    tensor[i] = Format::narrow(x);
  }
}

// clamp(rne(x)) to 0…255: NaN becomes 0.
__device__ __forceinline__ std::uint8_t round_to_u8(float x) {
  return low_byte_of_rounded(fminf(fmaxf(x, 0.0f), 255.0f));
}

// int8: the 8-bit pixel behind a normalised value (docs/int8.md, rule 2).
__device__ __forceinline__ std::uint8_t pixel_of(float x, float mean, float std) {
  return round_to_u8(__fmul_rn(__fadd_rn(__fmul_rn(x, std), mean), 255.0f));
}

// The greater of each of the two halves of a word.
__device__ __forceinline__ std::uint32_t greater_u16(std::uint32_t a, std::uint32_t b) {
#if __CUDA_ARCH__ >= 900
  asm("max.u16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
  return a;
#else
  return __vmaxu2(a, b);
#endif
}

// The greatest values of kCount neighbouring channels among those it meets; NaN wins. Pairs of fp32 are
// compared by their sums, and the greater pair is kept as it is.
template <class Format, int kCount>
class Greatest {
 public:
  using Values = Pack<typename Format::Element, kCount>;

  __device__ __forceinline__ explicit Greatest(const Values (&first)[Format::kPlanes]) {
#pragma unroll
    for (int plane = 0; plane < Format::kPlanes; ++plane) best_[plane] = first[plane];
  }

  __device__ __forceinline__ void meet(const Values (&here)[Format::kPlanes]) {
    if constexpr (Format::kPlanes == 2) {
#pragma unroll
      for (int e = 0; e < kCount; ++e) {
        const float kept = Format::widen(best_[0].e[e]) + Format::widen(best_[1].e[e]);
        const float v = Format::widen(here[0].e[e]) + Format::widen(here[1].e[e]);
        if (v <= kept) continue;
        best_[0].e[e] = here[0].e[e], best_[1].e[e] = here[1].e[e];
      }
    } else {
      using Two = typename Format::Two;
#pragma unroll
      for (int e = 0; e < kCount; e += 2) {
        auto* kept = reinterpret_cast<Two*>(&best_[0].e[e]);
        *kept = __hmax2_nan(*kept, *reinterpret_cast<const Two*>(&here[0].e[e]));
      }
    }
  }

  __device__ __forceinline__ void get(Values (&values)[Format::kPlanes]) const {
#pragma unroll
    for (int plane = 0; plane < Format::kPlanes; ++plane) values[plane] = best_[plane];
  }

 private:
  Values best_[Format::kPlanes];
};

// Bytes are compared as the upper halves of 16 bits: every second one in its place, the others moved up by
// one. What lies below them decides between equal ones only.
template <int kCount>
class Greatest<Int8, kCount> {
 public:
  using Values = Pack<std::uint8_t, kCount>;

  __device__ __forceinline__ explicit Greatest(const Values (&first)[1]) {
#pragma unroll
    for (int i = 0; i < kCount / 4; ++i) odd_[i] = word(first, i), even_[i] = odd_[i] << 8;
  }

  __device__ __forceinline__ void meet(const Values (&here)[1]) {
#pragma unroll
    for (int i = 0; i < kCount / 4; ++i) {
      odd_[i] = greater_u16(odd_[i], word(here, i));
      even_[i] = greater_u16(even_[i], word(here, i) << 8);
    }
  }

  __device__ __forceinline__ void get(Values (&values)[1]) const {
#pragma unroll
    for (int i = 0; i < kCount / 4; ++i)
      reinterpret_cast<std::uint32_t*>(&values[0])[i] = __byte_perm(even_[i], odd_[i], 0x7351);
  }

 private:
  static __device__ __forceinline__ std::uint32_t word(const Values (&values)[1], int i) {
    return reinterpret_cast<const std::uint32_t*>(&values[0])[i];
  }
  std::uint32_t odd_[kCount / 4], even_[kCount / 4];
};

}  // namespace resnet::cuda
