// What the NEON instruction sets share: 4 lanes, 32 registers. A tile of 5 pixels x 4 vectors takes 20 of them
// for accumulators, 5 for the pixels' values and 1 for weights.
#pragma once

#include "cpu/int8/generic/micro_kernel.hpp"

#include <arm_neon.h>

namespace resnet::cpu::int8 {

template <class Isa>
struct Neon {
  using Element = std::uint8_t;
  using Vec = int32x4_t;
  using Float = float32x4_t;
  using Bytes = uint8x16_t;
  static constexpr int kLanes = 4, kTilePixels = 5, kTileVectors = 4;
  static int channel(int position) { return position; }

  static RESNET_INLINE Vec load(const std::int32_t* p) { return vld1q_s32(p); }
  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+w"(v)); }
  static RESNET_INLINE Float to_float(Vec v) { return vcvtq_f32_s32(v); }
  static RESNET_INLINE Vec bits(Float f) { return vreinterpretq_s32_f32(f); }
  static RESNET_INLINE Float from_bits(Vec v) { return vreinterpretq_f32_s32(v); }
  static RESNET_INLINE Float load_float(const float* p) { return vld1q_f32(p); }
  static RESNET_INLINE void store_float(float* p, Float f) { vst1q_f32(p, f); }
  static RESNET_INLINE Float set_float(float x) { return vdupq_n_f32(x); }
  static RESNET_INLINE Float mul(Float a, Float b) { return vmulq_f32(a, b); }
  static RESNET_INLINE Float add(Float a, Float b) { return vaddq_f32(a, b); }
  static RESNET_INLINE Vec round(Float x) { return vcvtnq_s32_f32(x); }
  static RESNET_INLINE void load_residual(const Element* p, bool is_signed, Vec (&r)[kTileVectors]) {
    const uint8x16_t bytes = vld1q_u8(p);
    int16x8_t low, high;
    if (is_signed) {
      low = vmovl_s8(vreinterpret_s8_u8(vget_low_u8(bytes)));
      high = vmovl_s8(vreinterpret_s8_u8(vget_high_u8(bytes)));
    } else {
      low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
      high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
    }
    r[0] = vmovl_s16(vget_low_s16(low)), r[1] = vmovl_s16(vget_high_s16(low));
    r[2] = vmovl_s16(vget_low_s16(high)), r[3] = vmovl_s16(vget_high_s16(high));
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const int16x8_t low = vcombine_s16(vqmovn_s32(q[0]), vqmovn_s32(q[1]));
    const int16x8_t high = vcombine_s16(vqmovn_s32(q[2]), vqmovn_s32(q[3]));
    if (is_signed) {
      const int8x16_t bytes = vmaxq_s8(vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)), vdupq_n_s8(-127));
      vst1q_u8(p, vreinterpretq_u8_s8(bytes));
    } else {
      vst1q_u8(p, vcombine_u8(vqmovun_s16(low), vqmovun_s16(high)));
    }
  }

  static RESNET_INLINE Bytes load_bytes(const void* p) { return vld1q_u8(static_cast<const std::uint8_t*>(p)); }
  static RESNET_INLINE void store_bytes(void* p, Bytes b) { vst1q_u8(static_cast<std::uint8_t*>(p), b); }
  static RESNET_INLINE Bytes max(Bytes a, Bytes b) { return vmaxq_u8(a, b); }
  static RESNET_INLINE void to_pixels(const float* x, float mean, float std, std::uint8_t* out) {
    Vec p[4];
    for (int i = 0; i < 4; ++i) {
      const Float scaled = mul(add(mul(vld1q_f32(x + 4 * i), set_float(std)), set_float(mean)), set_float(255));
      p[i] = round(vmaxnmq_f32(scaled, set_float(0)));  // the number where one is NaN
    }
    store(out, p, false);
  }
  static RESNET_INLINE void interleave(const std::uint8_t (&planes)[3][16], std::uint8_t* out) {
    vst3q_u8(out, {{vld1q_u8(planes[0]), vld1q_u8(planes[1]), vld1q_u8(planes[2])}});
  }
};

}  // namespace resnet::cpu::int8
