// NEON of the base instruction set: one product a lane, of words (SMLAL by element).

#include "cpu/int8/neon.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct NeonBase : Neon<NeonBase> {
  using Weight = std::int16_t;
  using Input = int16x8_t;
  using WeightVec = int16x4_t;
  static constexpr int kGroup = 1, kSteps = 8, kInputOffset = 0;
  static RESNET_INLINE Input load_input(const Element* p) {
    return vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)));
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return vld1_s16(p); }
  template <int Step>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    return vmlal_laneq_s16(acc, w, x, Step);
  }
};

constexpr KernelTable kTable = generic::make_table<NeonBase>("neon", "smlal");

}  // namespace

const KernelTable* neon_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
