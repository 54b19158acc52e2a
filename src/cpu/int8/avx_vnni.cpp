// AVX-VNNI, the 256-bit VPDPBUSD of processors without AVX-512. Compiled with -mavx2 -mfma -mavxvnni; run only
// where cpu_features().avx_vnni.

#include "cpu/int8/avx256.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct AvxVnni : Avx256<AvxVnni> {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  static constexpr int kGroup = 4;

  static RESNET_INLINE Input load_input(const Element* p) {
    Vec v;
    asm("vpbroadcastd %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const Element(*)[4]>(p)));
    return v;
  }
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
    return acc;
  }
  static RESNET_INLINE void load_residual(const Element* p, bool is_signed, Vec (&r)[kTileVectors]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    widen(is_signed ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes), r);
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const __m256i words = _mm256_packs_epi32(q[0], q[1]);
    const __m128i low = _mm256_castsi256_si128(words), high = _mm256_extracti128_si256(words, 1);
    const __m128i bytes = is_signed ? _mm_max_epi8(_mm_packs_epi16(low, high), _mm_set1_epi8(-127))
                                    : _mm_packus_epi16(low, high);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  }
  static RESNET_INLINE Bytes max(Bytes a, Bytes b) { return _mm256_max_epu8(a, b); }
};

constexpr KernelTable kTable = generic::make_table<AvxVnni>("avx_vnni", "vpdpbusd");

}  // namespace

const KernelTable* avx_vnni_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
