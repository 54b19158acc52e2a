#include "cpu/plan_builder.hpp"

#include "cpu/isa.hpp"

#include <algorithm>

namespace resnet::cpu {

int stem_side(int side) {
  return (side - 1) / 2 + 1;
}

std::int64_t macs_of(const ConvSpec& spec, const Activation& out) {
  return static_cast<std::int64_t>(out.n) * out.h * out.w * spec.out_channels * spec.in_channels *
         spec.kernel * spec.kernel;
}

PlanBuilder::PlanBuilder(const Architecture& architecture, const PlanOptions& options, const Shape& input,
                         int element_bytes, int block_channels)
    : architecture_(architecture),
      options_(options),
      n_(static_cast<int>(input[0])),
      h_(static_cast<int>(input[2])),
      w_(static_cast<int>(input[3])),
      l2_(l2_cache_bytes()),
      element_bytes_(element_bytes),
      block_channels_(block_channels) {}

RunPlan PlanBuilder::build() {
  const auto room = [](const Slot& slot) { return slot.bytes + kSlackBytes; };
  add_all();
  std::size_t bytes = 0;
  for (const Slot& slot : slots_) bytes += Arena::padded(room(slot));
  RunPlan plan;
  plan.memory = Arena(bytes);
  for (Slot& slot : slots_) slot.data = plan.memory.take(room(slot));
  steps_.clear();
  slot_ = a;
  add_all();
  plan.steps = std::move(steps_);
  return plan;
}

void PlanBuilder::add(int module, std::string layer, std::string kernel, std::int64_t macs, Body body) {
  steps_.push_back({module, std::move(layer), std::move(kernel), macs, {}, std::move(body)});
}

std::byte* PlanBuilder::reserve(SlotName slot, std::size_t bytes) {
  slots_[slot].bytes = std::max(slots_[slot].bytes, bytes);
  return slots_[slot].data;
}

PlanBuilder::Members PlanBuilder::reserve_for_members(std::size_t shared_bytes, std::size_t member_bytes) {
  const std::size_t shared = Arena::padded(shared_bytes), member = Arena::padded(member_bytes);
  std::byte* memory = reserve(scratch, shared + member * static_cast<std::size_t>(options_.threads));
  // Not before there is memory: an offset to null is undefined.
  return {memory, memory != nullptr ? memory + shared : nullptr, member};
}

Activation PlanBuilder::activation(SlotName slot, int n, int channels, int h, int w, int halo) {
  const int padded = (channels + block_channels_ - 1) / block_channels_ * block_channels_;
  const std::size_t elements = static_cast<std::size_t>(n) * padded * (h + 2 * halo) * (w + 2 * halo);
  return {reserve(slot, elements * static_cast<std::size_t>(element_bytes_)), n, padded, h, w, halo};
}

Activation PlanBuilder::convolved(SlotName slot, const Activation& in, const ConvSpec& spec, int halo) {
  const auto side = [&](int of) { return (of + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
  return activation(slot, in.n, spec.out_channels, side(in.h), side(in.w), halo);
}

PlanBuilder::BlockSlots PlanBuilder::next_block(bool bottleneck, bool has_shortcut) {
  const SlotName s = slot_, p = s == a ? b : a, q = s == c ? b : c;
  slot_ = has_shortcut ? s : bottleneck ? p : q;
  return {p, q, bottleneck ? p : q, slot_};
}

}  // namespace resnet::cpu
