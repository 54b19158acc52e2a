// AVX2: VPMADDUBSW would saturate its sums of two bytes' products at 16 bits, so both factors are words and
// VPMADDWD sums two of their products exactly. Compiled with -mavx2 -mfma; run only where
// cpu_features().avx2_fma.

#include "cpu/int8/avx256.hpp"
#include "cpu/int8/generic/table.hpp"
#include "cpu/int8/winograd.hpp"

namespace resnet::cpu::int8 {
namespace {

struct Avx2 : Avx256<Avx2> {
  using Element = std::int16_t;
  using Weight = std::int16_t;
  static constexpr int kGroup = 2;

  static RESNET_INLINE Input load_input(const Element* p) {
    Vec v;
    asm("vpbroadcastd %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const Element(*)[2]>(p)));
    return v;
  }
  // Spelled out: left to itself GCC reads the weights once for every pixel, and sums products of several k
  // before it adds them to the accumulators, for which there are not enough registers.
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    Vec products;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(acc), "=&x"(products) : "x"(x), "x"(w));
    return acc;
  }
  static RESNET_INLINE void load_residual(const Element* p, bool, Vec (&r)[kTileVectors]) {
    widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), r);
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const __m256i low = _mm256_set1_epi16(is_signed ? -127 : 0),
                  high = _mm256_set1_epi16(is_signed ? 127 : 255);
    const __m256i words = _mm256_packs_epi32(q[0], q[1]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_max_epi16(low, _mm256_min_epi16(high, words)));
  }
  static RESNET_INLINE Bytes max(Bytes a, Bytes b) { return _mm256_max_epi16(a, b); }

  // For winograd.hpp.
  using Words = __m256i;
  static RESNET_INLINE Words zero_words() { return _mm256_setzero_si256(); }
  static RESNET_INLINE Words load_words(const Element* p) { return load_bytes(p); }
  static RESNET_INLINE void store_words(Element* p, Words w) { store_bytes(p, w); }
  static RESNET_INLINE Words add_words(Words a, Words b) { return _mm256_add_epi16(a, b); }
  static RESNET_INLINE Words sub_words(Words a, Words b) { return _mm256_sub_epi16(a, b); }
  static RESNET_INLINE Words shift_words(Words a, int bits) { return _mm256_slli_epi16(a, bits); }
  static RESNET_INLINE void store_sums(std::int32_t* p, Vec v) { store_bytes(p, v); }
  static RESNET_INLINE Vec add_sums(Vec a, Vec b) { return _mm256_add_epi32(a, b); }
  static RESNET_INLINE Vec sub_sums(Vec a, Vec b) { return _mm256_sub_epi32(a, b); }
  template <int Bits>
  static RESNET_INLINE Vec shift_sums(Vec a) {
    return _mm256_slli_epi32(a, Bits);
  }
  static RESNET_INLINE Vec multiply_sums(Vec a, std::int32_t b) {
    return _mm256_mullo_epi32(a, _mm256_set1_epi32(b));
  }
  static RESNET_INLINE Vec shift_right_sums(Vec a) { return _mm256_srai_epi32(a, 6); }
};

constexpr KernelTable make_table() {
  KernelTable table = generic::make_table<Avx2>("avx2", "vpmaddwd");
  table.winograd = {.is_exact = winograd_is_exact<Avx2>,
                    .packed_bytes = packed_winograd_bytes<Avx2>,
                    .pack = pack_winograd<Avx2>,
                    .scratch_bytes = winograd_scratch_bytes<Avx2>,
                    .conv = winograd<Avx2, Avx2>,
                    .most_channels = 256};
  return table;
}

constexpr KernelTable kTable = make_table();

}  // namespace

const KernelTable* avx2_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
