// What the plans of all precisions have in common: the steps, and the slots of memory behind them. Block
// inputs and outputs rotate through three slots, and all steps share one scratch area.
#pragma once

#include "cpu/activation.hpp"
#include "cpu/step.hpp"

#include <array>
#include <string>
#include <utility>

#include <resnet/architecture.hpp>

namespace resnet::cpu {

inline constexpr int kRelu = 2, kMaxPool = 3;  // modules of the stem

// Of the output of 7x7, stride 2, padding 3 and 3x3, stride 2, padding 1 alike.
int stem_side(int side);

class PlanBuilder {
 public:
  virtual ~PlanBuilder() = default;
  PlanBuilder(const PlanBuilder&) = delete;
  PlanBuilder& operator=(const PlanBuilder&) = delete;

  // Runs add_all() twice: once to learn the sizes of the slots, once with memory behind them.
  RunPlan build();

 protected:
  // a, b, c hold activations; `scratch` what lives within one step; `pooled` the head's.
  enum SlotName { a, b, c, scratch, pooled, kSlots };

  // Activations of `element_bytes` in blocks of `block_channels`.
  PlanBuilder(const Architecture& architecture, const PlanOptions& options, const Shape& input,
              int element_bytes, int block_channels);

  // Adds every step. Slots have no memory the first time: their addresses are null.
  virtual void add_all() = 0;

  using Body = std::function<void(const Team&, const Call&)>;
  void add(int module, std::string layer, std::string kernel, std::int64_t macs, Body body);

  // At least `bytes` of a slot.
  std::byte* reserve(SlotName slot, std::size_t bytes);
  // `shared` bytes and as many for each member of the team as it needs.
  struct Members {
    std::byte* shared;
    std::byte* first;
    std::size_t bytes;
    std::byte* of(const Team& team) const { return first + bytes * static_cast<std::size_t>(team.rank()); }
  };
  Members reserve_for_members(std::size_t shared_bytes, std::size_t member_bytes);
  Activation activation(SlotName slot, int n, int channels, int h, int w, int halo);
  Activation convolved(SlotName slot, const Activation& in, const ConvSpec& spec, int halo);

  // Where a block's activations go: x lies in s; p and q are the other two.
  //   basic:       conv1 s→p, (shortcut s→q), conv2 p + (x in s | shortcut in q) → (q | s)
  //   bottleneck:  conv1 s→p, conv2 p→q, (shortcut s→p), conv3 q + (x in s | shortcut in p) → (p | s)
  struct BlockSlots {
    SlotName first, second, shortcut, out;
  };
  // Of the next block; what it puts out becomes the current activation.
  BlockSlots next_block(bool bottleneck, bool has_shortcut);

  const Architecture& architecture_;
  const PlanOptions& options_;
  int n_, h_, w_;
  std::size_t l2_;
  SlotName slot_ = a;  // where the current activation lies
  std::vector<Step> steps_;

 private:
  struct Slot {
    std::size_t bytes = 0;
    std::byte* data = nullptr;
  };

  int element_bytes_, block_channels_;
  std::array<Slot, kSlots> slots_;
};

// Multiply-adds of a convolution with this output.
std::int64_t macs_of(const ConvSpec& spec, const Activation& out);

}  // namespace resnet::cpu
