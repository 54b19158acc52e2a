// What a run is made of: steps that a team of threads does one after the other, and the memory behind them.
#pragma once

#include "core/arena.hpp"
#include "core/thread_pool.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::cpu {

// The ends of a run, which differ from call to call.
struct Call {
  const float* input;  // NCHW
  float* output;       // NCHW, or [N, classes]
};

struct Step {
  int module;
  std::string layer;
  std::string kernel;
  std::int64_t macs = 0;
  // Of a step that only writes an activation to PlanOptions::module_output: its shape. `layer` names what
  // left it.
  Shape activation{};
  // One member's share. Members meet at a barrier after every step.
  std::function<void(const Team&, const Call&)> run;
};

struct RunPlan {
  std::vector<Step> steps;
  Arena memory;
};

struct PlanOptions {
  int begin, end;
  int threads;
  // One output a module, written as NCHW to `module_output` by that module's last step, instead of the fused
  // stem.
  bool every_module = false;
  // One output a convolution instead, by a step of its own with `activation` set; also without the fused
  // stem.
  bool every_activation = false;
  float* module_output = nullptr;
};

// Runs f(unit, units) for every unit: the kernels' "rank of size", but more of them than members, so that a
// member that is held up takes fewer.
template <class F>
void deal(const Team& team, const F& f) {
  constexpr int kUnitsPerMember = 4;
  const int units = team.size() == 1 ? 1 : kUnitsPerMember * team.size();
  team.deal(units, [&](int unit) { f(unit, units); });
}

}  // namespace resnet::cpu
