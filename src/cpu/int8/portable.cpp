// Any processor: vectors of 4 int32 in the compiler's own vector type.

#include "cpu/int8/generic/table.hpp"

#include <cstring>

namespace resnet::cpu::int8 {
namespace {

struct Portable {
  using Element = std::uint8_t;
  using Weight = std::int8_t;
  typedef std::int32_t Vec __attribute__((vector_size(16)));
  typedef float Float __attribute__((vector_size(16)));
  typedef std::int8_t FourBytes __attribute__((vector_size(4)));
  typedef std::uint8_t Bytes __attribute__((vector_size(16)));
  using Input = std::int32_t;
  using WeightVec = Vec;
  static constexpr int kLanes = 4, kTilePixels = 4, kTileVectors = 2, kGroup = 1, kSteps = 1, kInputOffset = 0;
  static int channel(int position) { return position; }

  static RESNET_INLINE Vec load(const std::int32_t* p) { return *reinterpret_cast<const Vec*>(p); }
  static RESNET_INLINE Input load_input(const Element* p) { return *p; }
  static RESNET_INLINE Vec widen(const void* p) {
    FourBytes bytes;
    std::memcpy(&bytes, p, sizeof(bytes));
    return __builtin_convertvector(bytes, Vec);
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return widen(p); }
  template <int>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    return acc + w * x;
  }

  static RESNET_INLINE void keep(Vec& v) { asm volatile("" : "+m"(v)); }
  static RESNET_INLINE Float to_float(Vec v) { return __builtin_convertvector(v, Float); }
  static RESNET_INLINE Vec bits(Float f) { return reinterpret_cast<Vec>(f); }
  static RESNET_INLINE Float from_bits(Vec v) { return reinterpret_cast<Float>(v); }
  static RESNET_INLINE Float load_float(const float* p) { return *reinterpret_cast<const Float*>(p); }
  static RESNET_INLINE void store_float(float* p, Float f) { *reinterpret_cast<Float*>(p) = f; }
  static RESNET_INLINE Float set_float(float x) { return Float{x, x, x, x}; }
  static RESNET_INLINE Float mul(Float a, Float b) { return a * b; }
  static RESNET_INLINE Float add(Float a, Float b) { return a + b; }
  // Adding 1.5 · 2^23 rounds to the nearest integer, ties to even; the bounds only keep it in range.
  static RESNET_INLINE Vec round(Float x) {
    const Float low = set_float(-1024.0f), high = set_float(1024.0f), rounder = set_float(12582912.0f);
    const Float clamped = x < low ? low : x > high ? high : x;
    return __builtin_convertvector((clamped + rounder) - rounder, Vec);
  }
  static RESNET_INLINE void load_residual(const Element* p, bool is_signed, Vec (&r)[kTileVectors]) {
    for (int v = 0; v < kTileVectors; ++v) {
      for (int i = 0; i < kLanes; ++i) {
        const Element e = p[v * kLanes + i];
        r[v][i] = is_signed ? static_cast<std::int8_t>(e) : e;
      }
    }
  }
  static RESNET_INLINE void store(Element* p, const Vec (&q)[kTileVectors], bool is_signed) {
    const std::int32_t low = is_signed ? -127 : 0, high = is_signed ? 127 : 255;
    for (int v = 0; v < kTileVectors; ++v) {
      for (int i = 0; i < kLanes; ++i) {
        const std::int32_t x = q[v][i];
        p[v * kLanes + i] = static_cast<Element>(x < low ? low : x > high ? high : x);
      }
    }
  }

  static RESNET_INLINE Bytes load_bytes(const void* p) {
    Bytes bytes;
    std::memcpy(&bytes, p, sizeof(bytes));
    return bytes;
  }
  static RESNET_INLINE void store_bytes(void* p, Bytes b) { std::memcpy(p, &b, sizeof(b)); }
  static RESNET_INLINE Bytes max(Bytes a, Bytes b) { return a > b ? a : b; }
  static RESNET_INLINE void to_pixels(const float* x, float mean, float std, std::uint8_t* out) {
    for (int i = 0; i < 16; ++i) {
      const float p = generic::round_to_range<Portable>((x[i] * std + mean) * 255.0f, 0.0f, 255.0f);
      out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(p));
    }
  }
  static RESNET_INLINE void interleave(const std::uint8_t (&planes)[3][16], std::uint8_t* out) {
    for (int i = 0; i < 16; ++i) {
      for (int c = 0; c < 3; ++c) *out++ = planes[c][i];
    }
  }
};

constexpr KernelTable kTable = generic::make_table<Portable>("portable", "int32");

}  // namespace

const KernelTable* portable_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
