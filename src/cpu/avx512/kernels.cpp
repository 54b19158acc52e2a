// AVX-512: 16 lanes, 32 registers. A tile of 14 pixels x 2 vectors takes 28 of them for accumulators; 56, 28
// and 14 pixels a row and the 196 of a 14x14 plane cut into whole tiles. Compiled with -mavx512{f,bw,dq,vl};
// run only where cpu_features().avx512.

// GCC 12 takes the deliberately undefined operand inside its own _mm512_max_ps for a mistake of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "cpu/generic/table.hpp"

#include <immintrin.h>

namespace resnet::cpu {
namespace {

struct Avx512 {
  using Element = float;
  using Vec = __m512;
  static constexpr int kLanes = 16, kTilePixels = 14, kTileVectors = 2;
  static RESNET_INLINE Element to_element(float x) { return x; }
  static RESNET_INLINE float to_float(Element x) { return x; }
  static RESNET_INLINE Vec zero() { return _mm512_setzero_ps(); }
  static RESNET_INLINE Vec set(float x) { return _mm512_set1_ps(x); }
  static RESNET_INLINE Vec load(const float* p) { return _mm512_load_ps(p); }
  static RESNET_INLINE void store(float* p, Vec v) { _mm512_store_ps(p, v); }
  static RESNET_INLINE void store_unaligned(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static RESNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
  static RESNET_INLINE void prefetch_write(void* p) { __builtin_prefetch(p, 1, 3); }
  static RESNET_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  // Both spelled out: left to itself GCC moves loads ahead until accumulators no longer fit into the
  // registers.
  static RESNET_INLINE Vec broadcast(const float* x) {
    Vec v;
    asm("vbroadcastss %1, %0" : "=v"(v) : "m"(*x));
    return v;
  }
  static RESNET_INLINE Vec accumulate(Vec acc, Vec x, Vec w) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
  }
  static RESNET_INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static RESNET_INLINE Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static RESNET_INLINE Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static RESNET_INLINE Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
  static RESNET_INLINE Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
  // For the max pool: fp32 as it is.
  static RESNET_INLINE Vec load_ordered(const float* p) { return load(p); }
  static RESNET_INLINE void store_ordered(float* p, Vec v) { store(p, v); }
  static RESNET_INLINE Vec max_ordered(Vec a, Vec b) { return max(a, b); }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+v"(v)); }
};

constexpr KernelTable kTable = generic::make_table<Avx512>("avx512");

}  // namespace

const KernelTable* avx512_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
