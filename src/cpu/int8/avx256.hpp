// What the instruction sets of 256 bits share: 8 lanes, 16 registers. A tile of 6 pixels x 2 vectors takes 12 of
// them for accumulators, 2 for weights and 1 for the broadcast.
#pragma once

#include "cpu/int8/x86_bytes.hpp"

namespace resnet::cpu::int8 {

template <class Isa>
struct Avx256 {
  using Vec = __m256i;
  using Float = __m256;
  using Input = __m256i;
  using WeightVec = __m256i;
  using Bytes = __m256i;
  static constexpr int kLanes = 8, kTilePixels = 6, kTileVectors = 2, kSteps = 1, kInputOffset = 0;
  // VPACKSSDW packs within halves of 128 bits: 4 channels of each vector in turn.
  static int channel(int position) {
    const int tile = position / 16, v = position / 8 % 2, lane = position % 8;
    return tile * 16 + lane / 4 * 8 + v * 4 + lane % 4;
  }

  static RESNET_INLINE Vec load(const std::int32_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  static RESNET_INLINE WeightVec load_weight(const void* p) {
    return _mm256_load_si256(static_cast<const __m256i*>(p));
  }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+x"(v)); }
  static RESNET_INLINE Float to_float(Vec v) { return _mm256_cvtepi32_ps(v); }
  static RESNET_INLINE Vec bits(Float f) { return _mm256_castps_si256(f); }
  static RESNET_INLINE Float from_bits(Vec v) { return _mm256_castsi256_ps(v); }
  static RESNET_INLINE Float load_float(const float* p) { return _mm256_load_ps(p); }
  static RESNET_INLINE void store_float(float* p, Float f) { _mm256_store_ps(p, f); }
  static RESNET_INLINE Float set_float(float x) { return _mm256_set1_ps(x); }
  static RESNET_INLINE Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static RESNET_INLINE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static RESNET_INLINE Vec round(Float x) { return _mm256_cvtps_epi32(x); }
  // 16 words → the two vectors of a tile.
  static RESNET_INLINE void widen(__m256i words, Vec (&r)[kTileVectors]) {
    r[0] = _mm256_srai_epi32(_mm256_unpacklo_epi16(words, words), 16);
    r[1] = _mm256_srai_epi32(_mm256_unpackhi_epi16(words, words), 16);
  }

  static RESNET_INLINE Bytes load_bytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static RESNET_INLINE void store_bytes(void* p, Bytes b) { _mm256_storeu_si256(static_cast<__m256i*>(p), b); }
  static RESNET_INLINE void to_pixels(const float* x, float mean, float std, std::uint8_t* out) {
    __m256i p[2];
    for (int i = 0; i < 2; ++i) {
      const Float scaled = mul(add(mul(_mm256_loadu_ps(x + 8 * i), set_float(std)), set_float(mean)), set_float(255));
      // The second operand where the first is NaN.
      p[i] = round(_mm256_min_ps(_mm256_max_ps(scaled, set_float(0)), set_float(255)));
    }
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(p[0], p[1]), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static RESNET_INLINE void interleave(const std::uint8_t (&planes)[3][16], std::uint8_t* out) {
    interleave_pixels<Isa>(planes, out);
  }
};

}  // namespace resnet::cpu::int8
