// NEON with the dot product of signed bytes (SDOT by element, ARMv8.2): activations are multiplied as u8 - 128,
// which is the u8 with its highest bit flipped, and 128 · Σ weight is in the bias. Compiled with +dotprod; run
// only where cpu_features().neon_dotprod.

#include "cpu/int8/neon.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct NeonDotprod : Neon<NeonDotprod> {
  using Weight = std::int8_t;
  using Input = int8x16_t;
  using WeightVec = int8x16_t;
  static constexpr int kGroup = 4, kSteps = 4, kInputOffset = 128;
  static RESNET_INLINE Input load_input(const Element* p) {
    return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80)));
  }
  static RESNET_INLINE WeightVec load_weight(const Weight* p) { return vld1q_s8(p); }
  template <int Step>
  static RESNET_INLINE Vec dot(Vec acc, Input x, WeightVec w) {
    return vdotq_laneq_s32(acc, w, x, Step);
  }
};

constexpr KernelTable kTable = generic::make_table<NeonDotprod>("neon_dotprod", "sdot");

}  // namespace

const KernelTable* neon_dotprod_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
