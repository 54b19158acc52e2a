// Bytes on x86: what the instruction sets with SSSE3 share in the stem.
#pragma once

#include "cpu/int8/generic/micro_kernel.hpp"

#include <immintrin.h>

namespace resnet::cpu::int8 {

// r0 g0 b0 r1 g1 b1 … of 16 pixels. A template so that every instruction set has its own (micro_kernel.hpp).
template <class S>
RESNET_INLINE void interleave_pixels(const std::uint8_t (&planes)[3][16], std::uint8_t* out) {
  // Byte i of the output is byte i / 3 of plane i % 3; a shuffle's -1 gives 0.
  const auto spread = [](__m128i plane, int c, int part) __attribute__((always_inline)) {
    alignas(16) std::int8_t from[16];
    for (int i = 0; i < 16; ++i) {
      const int at = part * 16 + i;
      from[i] = static_cast<std::int8_t>(at % 3 == c ? at / 3 : -1);
    }
    return _mm_shuffle_epi8(plane, _mm_load_si128(reinterpret_cast<const __m128i*>(from)));
  };
  __m128i plane[3];
  for (int c = 0; c < 3; ++c) plane[c] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(planes[c]));
  generic::unroll<S, 3>([&](auto part) __attribute__((always_inline)) {
    const __m128i bytes = _mm_or_si128(_mm_or_si128(spread(plane[0], 0, part), spread(plane[1], 1, part)),
                                       spread(plane[2], 2, part));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + part * 16), bytes);
  });
}

}  // namespace resnet::cpu::int8
