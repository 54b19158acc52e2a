// AVX-VNNI, the 256-bit VPDPBUSD of processors without AVX-512: 8 lanes, 16 registers. A tile of 6 pixels x
// 2 vectors takes 12 of them for accumulators, 2 for weights and 1 for the broadcast.

#include "cpu/int8/generic/table.hpp"

#include <immintrin.h>

namespace resnet::cpu::int8 {
namespace {

struct AvxVnni {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  using Vec = __m256i;
  using Float = __m256;
  using Input = __m256i;
  using WeightVec = __m256i;
  static constexpr int kLanes = 8, kTilePixels = 6, kTileVectors = 2, kGroup = 4, kSteps = 1, kInputOffset = 0;
  // VPACKSSDW packs within halves of 128 bits: 4 channels of each vector in turn.
  static int channel(int position) {
    const int tile = position / 16, v = position / 8 % 2, lane = position % 8;
    return tile * 16 + lane / 4 * 8 + v * 4 + lane % 4;
  }

  static RESNET_INLINE Vec load(const std::int32_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  static RESNET_INLINE Input load_input(const Element* p) {
    Vec v;
    asm("vpbroadcastd %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const Element(*)[4]>(p)));
    return v;
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
    return acc;
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
  static RESNET_INLINE void load_residual(const Element* p, bool is_signed, Vec (&r)[kTileVectors]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i words = is_signed ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
    r[0] = _mm256_srai_epi32(_mm256_unpacklo_epi16(words, words), 16);
    r[1] = _mm256_srai_epi32(_mm256_unpackhi_epi16(words, words), 16);
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const __m256i words = _mm256_packs_epi32(q[0], q[1]);
    const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
    const __m128i bytes = is_signed ? _mm_max_epi8(_mm_packs_epi16(low, high), _mm_set1_epi8(-127))
                                    : _mm_packus_epi16(low, high);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  }
};

constexpr KernelTable kTable = generic::make_table<AvxVnni>("avx_vnni", "vpdpbusd");

}  // namespace

const KernelTable* avx_vnni_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
