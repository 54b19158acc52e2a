// bf16 on any processor, for comparison and for tests: elements are widened to fp32 one vector at a time,
// which makes it slower than fp32.

#include "cpu/bf16/element.hpp"
#include "cpu/generic/table.hpp"
#include "cpu/portable/simd.hpp"

namespace resnet::cpu {
namespace {

struct PortableBf16 : Portable {
  using Element = Bf16;
  using Portable::load;
  using Portable::store;

  static RESNET_INLINE Element to_element(float x) { return float_to_bf16<PortableBf16>(x); }
  static RESNET_INLINE float to_float(Element x) { return bf16_to_float<PortableBf16>(x); }
  static RESNET_INLINE Vec load(const Element* p) {
    return Vec{to_float(p[0]), to_float(p[1]), to_float(p[2]), to_float(p[3])};
  }
  static RESNET_INLINE void store(Element* p, Vec v) {
    for (int i = 0; i < kLanes; ++i) p[i] = to_element(v[i]);
  }
  static RESNET_INLINE Vec load_ordered(const Element* p) { return load(p); }
  static RESNET_INLINE void store_ordered(Element* p, Vec v) { store(p, v); }
  static RESNET_INLINE Vec broadcast(const Element* x) { return set(to_float(*x)); }
  static RESNET_INLINE void interleave(const float* planes, std::ptrdiff_t plane, int w, Element* to) {
    for (int x = 0; x < w; ++x) {
      for (int c = 0; c < 3; ++c) *to++ = to_element(planes[c * plane + x]);
    }
  }
};

constexpr KernelTable kTable = generic::make_table<PortableBf16>("portable");

}  // namespace

const KernelTable* portable_bf16_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
