// The two resampling passes in AVX2. Formula, layouts: image/resample.hpp.
//
// A weight has 23 bits and a sign, too many for the 16-bit multiply-add, and 32-bit multiplies are the
// slow ones. So each weight is h * 2^15 + l: two multiply-adds of 16-bit numbers per pair of taps, and
//     sum = (sum of h * pixel) * 2^15 + (sum of l * pixel)   modulo 2^32,
// which is exact because the true sum fits 32 bits; that either half may wrap does not matter.
//
// Test: ctest -R image.Resample     Time: tools/bench_preprocess.py
#include "image/resample.hpp"

#include <cstring>

#include <immintrin.h>

namespace resnet::image {
namespace {

constexpr int kHalf = 1 << (kWeightBits - 1);

__m256i join(__m256i high, __m256i low) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, 15), low);
}

__m256i broadcast(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

// Columns: one output pixel at a time, four taps (12 bytes of RGB) a step. Both 128-bit lanes get the
// same 16 bytes; the lower picks taps 0 and 1, the upper taps 2 and 3, as 16-bit pairs
//     r0 r1 g0 g1 b0 b1 0 0 | r2 r3 g2 g3 b2 b3 0 0
// so that a multiply-add leaves partial sums r g b 0 in each lane.
void columns_avx2(const ResampleAxis& axis, const std::uint8_t* in, int in_origin, std::size_t readable,
                  std::uint8_t* out) {
  constexpr char z = -1;
  const __m256i pick_pixels = _mm256_setr_epi8(0, z, 3, z, 1, z, 4, z, 2, z, 5, z, z, z, z, z,  //
                                               6, z, 9, z, 7, z, 10, z, 8, z, 11, z, z, z, z, z);
  const __m256i pick_high = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, z, z, z, z,  //
                                             4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, z, z, z, z);
  const __m256i pick_low =
      _mm256_add_epi8(pick_high, _mm256_setr_epi8(8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, 0, 0,  //
                                                  8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, 0, 0));
  const __m128i half = _mm_set1_epi32(kHalf);

  for (int i = 0; i < axis.size(); ++i, out += 3) {
    const ResampleAxis::Taps taps = axis.taps[static_cast<std::size_t>(i)];
    const std::int16_t* weights = axis.split_weights_of(i);
    std::size_t at = static_cast<std::size_t>(taps.first - in_origin) * 3;
    __m256i high = _mm256_setzero_si256();
    __m256i low = _mm256_setzero_si256();
    for (int j = 0; j < taps.count; j += 4, at += 12, weights += 8) {
      __m256i bytes;
      if (at + 16 <= readable) {
        bytes = broadcast(in + at);
      } else {  // the very end of the picture: unused taps have weight 0, but may not be read
        alignas(16) std::uint8_t last[16] = {};
        std::memcpy(last, in + at, readable - at);
        bytes = broadcast(last);
      }
      const __m256i pixels = _mm256_shuffle_epi8(bytes, pick_pixels);
      const __m256i both = broadcast(weights);
      high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, _mm256_shuffle_epi8(both, pick_high)));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, _mm256_shuffle_epi8(both, pick_low)));
    }
    const __m256i lanes = join(high, low);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    sum = _mm_srai_epi32(_mm_add_epi32(sum, half), kWeightBits);
    sum = _mm_packs_epi32(sum, sum);
    const int rgb0 = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    std::memcpy(out, &rgb0, 4);  // the fourth byte is overwritten by the next pixel
  }
}

// Rows: 16 bytes of output at a time, two taps a step. Bytes of two rows are interleaved and widened
// to 16-bit pairs (a, b); a multiply-add with the broadcast pair of weights gives eight sums.
struct RowSums {
  __m256i high0, low0, high1, low1;  // bytes 0-7 and 8-15
};

void rows_16_bytes(const std::uint8_t* const* rows, const std::int16_t* weights, int count, std::size_t x,
                   std::uint8_t* out) {
  RowSums s{_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  for (int j = 0; j < count; j += 2) {
    const std::int16_t* group = weights + (j / 4) * 8 + (j % 4);
    int high_pair;
    int low_pair;
    std::memcpy(&high_pair, group, 4);
    std::memcpy(&low_pair, group + 4, 4);
    const __m256i high = _mm256_set1_epi32(high_pair);
    const __m256i low = _mm256_set1_epi32(low_pair);
    const std::uint8_t* second =
        rows[j + 1 < count ? j + 1 : j];  // an odd last tap: its partner's weight is 0
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[j] + x));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second + x));
    const __m256i pairs0 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i pairs1 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    s.high0 = _mm256_add_epi32(s.high0, _mm256_madd_epi16(pairs0, high));
    s.low0 = _mm256_add_epi32(s.low0, _mm256_madd_epi16(pairs0, low));
    s.high1 = _mm256_add_epi32(s.high1, _mm256_madd_epi16(pairs1, high));
    s.low1 = _mm256_add_epi32(s.low1, _mm256_madd_epi16(pairs1, low));
  }
  const __m256i half = _mm256_set1_epi32(kHalf);
  const __m256i sum0 = _mm256_srai_epi32(_mm256_add_epi32(join(s.high0, s.low0), half), kWeightBits);
  const __m256i sum1 = _mm256_srai_epi32(_mm256_add_epi32(join(s.high1, s.low1), half), kWeightBits);
  // Packing works within 128-bit lanes: order is 0-3 8-11 | 4-7 12-15 before the permutation.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(sum0, sum1), 0b11'01'10'00);
  const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), bytes);
}

void rows_avx2(const ResampleAxis& axis, int i, const std::uint8_t* const* rows, std::size_t bytes,
               std::uint8_t* out) {
  if (bytes < 16) return portable_resample_kernels().rows(axis, i, rows, bytes, out);
  const int count = axis.taps[static_cast<std::size_t>(i)].count;
  const std::int16_t* weights = axis.split_weights_of(i);
  std::size_t x = 0;
  for (; x + 16 <= bytes; x += 16) rows_16_bytes(rows, weights, count, x, out);
  if (x < bytes) rows_16_bytes(rows, weights, count, bytes - 16, out);  // overlaps what is done already
}

}  // namespace

const ResampleKernels* avx2_resample_kernels() noexcept {
  static constexpr ResampleKernels kernels{"avx2", columns_avx2, rows_avx2};
  return &kernels;
}

}  // namespace resnet::image
