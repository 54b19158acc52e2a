// AVX2: 8 lanes, 16 registers. VPMADDUBSW would saturate its sums of two bytes' products at 16 bits, so both
// factors are words and VPMADDWD sums two of their products exactly. A tile of 6 pixels x 2 vectors takes 12
// registers for accumulators, 2 for weights, 1 for the broadcast and 1 for the products.

#include "cpu/int8/generic/table.hpp"

#include <immintrin.h>

namespace resnet::cpu::int8 {
namespace {

struct Avx2 {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  using Vec = __m256i;
  using Float = __m256;
  using Input = __m256i;
  using WeightVec = __m256i;
  static constexpr int kLanes = 8, kTilePixels = 6, kTileVectors = 2, kGroup = 2, kSteps = 1, kInputOffset = 0;
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
    asm("vpbroadcastd %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const Element(*)[2]>(p)));
    return v;
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  // Spelled out: left to itself GCC reads the weights once for every pixel, and sums products of several k
  // before it adds them to the accumulators, for which there are not enough registers.
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    Vec products;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(acc), "=&x"(products) : "x"(x), "x"(w));
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
  static RESNET_INLINE void load_residual(const Element* p, bool, Vec (&r)[kTileVectors]) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    r[0] = _mm256_srai_epi32(_mm256_unpacklo_epi16(words, words), 16);
    r[1] = _mm256_srai_epi32(_mm256_unpackhi_epi16(words, words), 16);
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const __m256i low = _mm256_set1_epi16(is_signed ? -127 : 0),
                  high = _mm256_set1_epi16(is_signed ? 127 : 255);
    const __m256i words = _mm256_packs_epi32(q[0], q[1]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_max_epi16(low, _mm256_min_epi16(high, words)));
  }
};

constexpr KernelTable kTable = generic::make_table<Avx2>("avx2", "vpmaddwd");

}  // namespace

const KernelTable* avx2_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
