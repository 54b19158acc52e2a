// bf16 in memory: the upper half of an fp32 number.
#pragma once

#include "cpu/generic/sharing.hpp"

#include <bit>
#include <cstdint>

namespace resnet::cpu {

struct Bf16 {
  std::uint16_t bits;
};

// A template, so that every instruction set has its own (generic/sharing.hpp).
template <class S>
RESNET_INLINE float bf16_to_float(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

// To nearest, ties to even; a NaN stays one.
template <class S>
RESNET_INLINE Bf16 float_to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (x != x) return {static_cast<std::uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

}  // namespace resnet::cpu
