// AVX-512 VNNI: 16 lanes, 32 registers. A tile of 14 pixels x 2 vectors takes 28 of them for accumulators;
// 56, 28 and 14 pixels a row and the 196 of a 14x14 plane cut into whole tiles. Included by the instruction
// sets that have it, each of which names the struct anew, so that their code stays apart.
#pragma once

#include "cpu/int8/x86_bytes.hpp"

namespace resnet::cpu::int8 {

template <class Isa>
struct Avx512Vnni {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  using Vec = __m512i;
  using Float = __m512;
  using Input = __m512i;
  using WeightVec = __m512i;
  using Bytes = __m512i;
  static constexpr int kLanes = 16, kTilePixels = 14, kTileVectors = 2, kGroup = 4, kSteps = 1,
                       kInputOffset = 0;
  // VPACKSSDW packs within quarters of 128 bits: 4 channels of each vector in turn.
  static int channel(int position) {
    const int tile = position / 32, v = position / 16 % 2, lane = position % 16;
    return tile * 32 + lane / 4 * 8 + v * 4 + lane % 4;
  }

  static RESNET_INLINE Vec load(const std::int32_t* p) { return _mm512_load_si512(p); }
  // Both spelled out: left to itself GCC moves loads ahead until accumulators no longer fit into the
  // registers.
  static RESNET_INLINE Input load_input(const Element* p) {
    Vec v;
    asm("vpbroadcastd %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const Element(*)[4]>(p)));
    return v;
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return _mm512_load_si512(p); }
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
  }

  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+v"(v)); }
  static RESNET_INLINE Float to_float(Vec v) { return _mm512_cvtepi32_ps(v); }
  static RESNET_INLINE Vec bits(Float f) { return _mm512_castps_si512(f); }
  static RESNET_INLINE Float from_bits(Vec v) { return _mm512_castsi512_ps(v); }
  static RESNET_INLINE Float load_float(const float* p) { return _mm512_load_ps(p); }
  static RESNET_INLINE void store_float(float* p, Float f) { _mm512_store_ps(p, f); }
  static RESNET_INLINE Float set_float(float x) { return _mm512_set1_ps(x); }
  static RESNET_INLINE Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static RESNET_INLINE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static RESNET_INLINE Vec round(Float x) { return _mm512_cvtps_epi32(x); }
  static RESNET_INLINE void load_residual(const Element* p, bool is_signed, Vec (&r)[kTileVectors]) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    if (is_signed) {
      const __m512i words = _mm512_cvtepi8_epi16(bytes);
      r[0] = _mm512_srai_epi32(_mm512_unpacklo_epi16(words, words), 16);
      r[1] = _mm512_srai_epi32(_mm512_unpackhi_epi16(words, words), 16);
    } else {
      const __m512i words = _mm512_cvtepu8_epi16(bytes), zero = _mm512_setzero_si512();
      r[0] = _mm512_unpacklo_epi16(words, zero);
      r[1] = _mm512_unpackhi_epi16(words, zero);
    }
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const __m512i words = _mm512_packs_epi32(q[0], q[1]);
    const __m512i packed = is_signed ? _mm512_packs_epi16(words, words) : _mm512_packus_epi16(words, words);
    // Each quarter holds its 8 bytes twice.
    const __m256i bytes =
        _mm512_castsi512_si256(_mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6), packed));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        is_signed ? _mm256_max_epi8(bytes, _mm256_set1_epi8(-127)) : bytes);
  }

  static RESNET_INLINE Bytes load_bytes(const void* p) { return _mm512_loadu_si512(p); }
  static RESNET_INLINE void store_bytes(void* p, Bytes b) { _mm512_storeu_si512(p, b); }
  static RESNET_INLINE Bytes max(Bytes a, Bytes b) { return _mm512_max_epu8(a, b); }
  static RESNET_INLINE void to_pixels(const float* x, float mean, float std, std::uint8_t* out) {
    const Float scaled = mul(add(mul(_mm512_loadu_ps(x), set_float(std)), set_float(mean)), set_float(255));
    // The second operand where the first is NaN.
    const Vec p = round(_mm512_min_ps(_mm512_max_ps(scaled, set_float(0)), set_float(255)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(p));
  }
  static RESNET_INLINE void interleave(const std::uint8_t (&planes)[3][16], std::uint8_t* out) {
    interleave_pixels<Avx512Vnni>(planes, out);
  }
};

// The same with words, for winograd.hpp: VPDPWSSD, 2 k a lane.
template <class Isa>
struct Avx512VnniWords : Avx512Vnni<Isa> {
  using typename Avx512Vnni<Isa>::Vec;
  using typename Avx512Vnni<Isa>::Input;
  using typename Avx512Vnni<Isa>::WeightVec;
  using Element = std::int16_t;
  using Weight = std::int16_t;
  using Words = __m512i;
  static constexpr int kGroup = 2;

  static RESNET_INLINE Input load_input(const Element* p) {
    Vec v;
    asm("vpbroadcastd %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const Element(*)[2]>(p)));
    return v;
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return _mm512_load_si512(p); }
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
  }

  static RESNET_INLINE Words zero_words() { return _mm512_setzero_si512(); }
  static RESNET_INLINE Words load_words(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static RESNET_INLINE void store_words(Element* p, Words w) { _mm512_storeu_si512(p, w); }
  static RESNET_INLINE Words add_words(Words a, Words b) { return _mm512_add_epi16(a, b); }
  static RESNET_INLINE Words sub_words(Words a, Words b) { return _mm512_sub_epi16(a, b); }
  static RESNET_INLINE Words shift_words(Words a, unsigned bits) { return _mm512_slli_epi16(a, bits); }
  static RESNET_INLINE void store_sums(std::int32_t* p, Vec v) { _mm512_storeu_si512(p, v); }
  static RESNET_INLINE Vec add_sums(Vec a, Vec b) { return _mm512_add_epi32(a, b); }
  static RESNET_INLINE Vec sub_sums(Vec a, Vec b) { return _mm512_sub_epi32(a, b); }
  template <int Bits>
  static RESNET_INLINE Vec shift_sums(Vec a) {
    return _mm512_slli_epi32(a, Bits);
  }
  static RESNET_INLINE Vec multiply_sums(Vec a, std::int32_t b) {
    return _mm512_mullo_epi32(a, _mm512_set1_epi32(b));
  }
  static RESNET_INLINE Vec shift_right_sums(Vec a) { return _mm512_srai_epi32(a, 6); }
};

}  // namespace resnet::cpu::int8
