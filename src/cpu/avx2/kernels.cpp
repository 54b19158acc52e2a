// AVX2 + FMA: 8 lanes, 16 registers. A tile of 6 pixels x 2 vectors takes 12 of them for accumulators, 2 for
// weights and 1 for the broadcast. Compiled with -mavx2 -mfma; run only where cpu_features().avx2_fma.

#include "cpu/generic/table.hpp"

#include <immintrin.h>

namespace resnet::cpu {
namespace {

struct Avx2 {
  using Element = float;
  using Vec = __m256;
  static constexpr int kLanes = 8, kTilePixels = 6, kTileVectors = 2;
  static RESNET_INLINE Element to_element(float x) { return x; }
  static RESNET_INLINE float to_float(Element x) { return x; }
  static RESNET_INLINE Vec zero() { return _mm256_setzero_ps(); }
  static RESNET_INLINE Vec set(float x) { return _mm256_set1_ps(x); }
  static RESNET_INLINE Vec load(const float* p) { return _mm256_load_ps(p); }
  static RESNET_INLINE void store(float* p, Vec v) { _mm256_store_ps(p, v); }
  static RESNET_INLINE void store_unaligned(float* p, Vec v) { _mm256_storeu_ps(p, v); }
  static RESNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
  static RESNET_INLINE void prefetch_write(void* p) { __builtin_prefetch(p, 1, 3); }
  static RESNET_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  // Spelled out: left to itself GCC folds the weights' loads into the multiplications and reads them once for
  // every pixel.
  static RESNET_INLINE Vec broadcast(const float* x) { return _mm256_broadcast_ss(x); }
  static RESNET_INLINE Vec accumulate(Vec acc, Vec x, Vec w) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
    return acc;
  }
  static RESNET_INLINE Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  static RESNET_INLINE Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
  static RESNET_INLINE Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
  static RESNET_INLINE Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
  static RESNET_INLINE Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
  // For the max pool: fp32 as it is.
  static RESNET_INLINE Vec load_ordered(const float* p) { return load(p); }
  static RESNET_INLINE void store_ordered(float* p, Vec v) { store(p, v); }
  static RESNET_INLINE Vec max_ordered(Vec a, Vec b) { return max(a, b); }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+x"(v)); }
};

constexpr KernelTable kTable = generic::make_table<Avx2>("avx2");

}  // namespace

const KernelTable* avx2_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
