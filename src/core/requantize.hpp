// The rounding rule of the integer network (docs/int8.md): from int32 accumulators to 8-bit steps. Every
// backend computes exactly this; files that include it are compiled with -ffp-contract=off, because a fused
// multiply-add rounds once where the rule rounds twice.
#pragma once

#include <cstdint>

namespace resnet {

// Outputs behind a ReLU are u8, others s8; both have zero point 0.
struct QuantizedRange {
  float low, high;
};
inline constexpr QuantizedRange kUnsignedRange{0.0f, 255.0f};
inline constexpr QuantizedRange kSignedRange{-127.0f, 127.0f};

// clamp(rne(x)). Clamping first changes nothing, the bounds being integers, and lets the addition of 1.5 ·
// 2^23 round to the nearest integer, ties to even. NaN, which only an input can be, becomes the lower bound.
inline std::int32_t round_to_range(float x, QuantizedRange range) noexcept {
  constexpr float kRounder = 12582912.0f;
  const float clamped = x > range.low ? (x < range.high ? x : range.high) : range.low;
  return static_cast<std::int32_t>((clamped + kRounder) - kRounder);
}

// clamp(rne(f32(acc) ⊗ m)): the conversion and the product round once each.
inline std::int32_t requantize(std::int32_t acc, float multiplier, QuantizedRange range) noexcept {
  return round_to_range(static_cast<float>(acc) * multiplier, range);
}

// clamp(rne((f32(acc) ⊗ m) ⊕ (f32(r) ⊗ m_r))).
inline std::int32_t requantize_add(std::int32_t acc, float multiplier, std::int32_t residual,
                                   float residual_multiplier, QuantizedRange range) noexcept {
  const float product = static_cast<float>(acc) * multiplier;
  const float shortcut = static_cast<float>(residual) * residual_multiplier;
  return round_to_range(product + shortcut, range);
}

}  // namespace resnet
