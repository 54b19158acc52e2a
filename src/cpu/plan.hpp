// A run's plan for one input shape: the steps in order, and where in memory each activation lies.
//
// Block inputs and outputs rotate through three slots (a slot is free again once nothing later reads it), and
// all steps share one scratch area, so that memory does not grow with depth.
#pragma once

#include "core/arena.hpp"
#include "core/thread_pool.hpp"
#include "cpu/layers.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <resnet/architecture.hpp>
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

// `input` has been checked against the architecture.
RunPlan make_plan(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
                  const PlanOptions& options, const Shape& input);

}  // namespace resnet::cpu
