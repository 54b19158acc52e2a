// NEON (aarch64): 4 lanes, 32 registers. A tile of 12 pixels x 2 vectors takes 24 of them for accumulators.

#include "cpu/generic/table.hpp"

#include <arm_neon.h>

namespace resnet::cpu {
namespace {

struct Neon {
  using Element = float;
  using Vec = float32x4_t;
  static constexpr int kLanes = 4, kTilePixels = 12, kTileVectors = 2;
  static RESNET_INLINE Element to_element(float x) { return x; }
  static RESNET_INLINE float to_float(Element x) { return x; }
  static RESNET_INLINE Vec zero() { return vdupq_n_f32(0); }
  static RESNET_INLINE Vec set(float x) { return vdupq_n_f32(x); }
  static RESNET_INLINE Vec load(const float* p) { return vld1q_f32(p); }
  static RESNET_INLINE void store(float* p, Vec v) { vst1q_f32(p, v); }
  static RESNET_INLINE void store_unaligned(float* p, Vec v) { vst1q_f32(p, v); }
  static RESNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
  static RESNET_INLINE void prefetch_write(void* p) { __builtin_prefetch(p, 1, 3); }
  static RESNET_INLINE Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
  static RESNET_INLINE Vec broadcast(const float* x) { return vld1q_dup_f32(x); }
  static RESNET_INLINE Vec accumulate(Vec acc, Vec x, Vec w) { return fma(x, w, acc); }
  static RESNET_INLINE Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
  static RESNET_INLINE Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
  static RESNET_INLINE Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
  static RESNET_INLINE Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
  static RESNET_INLINE Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
  // For the max pool: fp32 as it is.
  static RESNET_INLINE Vec load_ordered(const float* p) { return load(p); }
  static RESNET_INLINE void store_ordered(float* p, Vec v) { store(p, v); }
  static RESNET_INLINE Vec max_ordered(Vec a, Vec b) { return max(a, b); }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+w"(v)); }
};

constexpr KernelTable kTable = generic::make_table<Neon>("neon");

}  // namespace

const KernelTable* neon_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
