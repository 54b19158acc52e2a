// NEON with the mixed-sign dot product (SUDOT by element, the i8mm extension). Compiled with +i8mm; run only
// where cpu_features().neon_i8mm.

#include "cpu/int8/neon.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct NeonI8mm : Neon<NeonI8mm> {
  using Weight = std::int8_t;
  using Input = uint8x16_t;
  using WeightVec = int8x16_t;
  static constexpr int kGroup = 4, kSteps = 4, kInputOffset = 0;
  static RESNET_INLINE Input load_input(const Element* p) { return vld1q_u8(p); }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return vld1q_s8(p); }
  template <int Step>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    return vsudotq_laneq_s32(acc, w, x, Step);
  }
};

constexpr KernelTable kTable = generic::make_table<NeonI8mm>("neon_i8mm", "sudot");

}  // namespace

const KernelTable* neon_i8mm_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
