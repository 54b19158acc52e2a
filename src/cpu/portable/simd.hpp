// Vectors of 4 floats in the compiler's own vector type, which become SSE2 on the oldest x86-64 and plain
// scalar code where there is nothing better.
#pragma once

#include "cpu/generic/sharing.hpp"

namespace resnet::cpu {

struct Portable {
  using Element = float;
  typedef float Vec __attribute__((vector_size(16)));
  static constexpr int kLanes = 4, kTilePixels = 6, kTileVectors = 2;
  static RESNET_INLINE Element to_element(float x) { return x; }
  static RESNET_INLINE float to_float(Element x) { return x; }
  static RESNET_INLINE Vec zero() { return Vec{}; }
  static RESNET_INLINE Vec set(float x) { return Vec{x, x, x, x}; }
  static RESNET_INLINE Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
  static RESNET_INLINE void store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }
  static RESNET_INLINE void store_unaligned(float* p, Vec v) {
    for (int i = 0; i < kLanes; ++i) p[i] = v[i];
  }
  static RESNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
  static RESNET_INLINE void prefetch_write(void* p) { __builtin_prefetch(p, 1, 3); }
  static RESNET_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
  static RESNET_INLINE Vec broadcast(const float* x) { return set(*x); }
  static RESNET_INLINE Vec accumulate(Vec acc, Vec x, Vec w) { return fma(x, w, acc); }
  static RESNET_INLINE Vec add(Vec a, Vec b) { return a + b; }
  static RESNET_INLINE Vec sub(Vec a, Vec b) { return a - b; }
  static RESNET_INLINE Vec mul(Vec a, Vec b) { return a * b; }
  static RESNET_INLINE Vec div(Vec a, Vec b) { return a / b; }
  static RESNET_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
  // For the max pool: fp32 as it is.
  static RESNET_INLINE Vec load_ordered(const float* p) { return load(p); }
  static RESNET_INLINE void store_ordered(float* p, Vec v) { store(p, v); }
  static RESNET_INLINE Vec max_ordered(Vec a, Vec b) { return max(a, b); }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+m"(v)); }
};

}  // namespace resnet::cpu
