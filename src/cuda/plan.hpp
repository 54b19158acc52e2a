// A run's plan for one input shape: the kernels in order, and where in the device's memory each activation
// lies.
//
// Block inputs and outputs rotate through three slots (a slot is free again once nothing later reads it), so
// that memory does not grow with depth.
#pragma once

#include "cuda/families.hpp"
#include "cuda/layers.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::cuda {

// The ends of a run, in the device's memory; fp32.
struct Call {
  const float* input;  // NCHW
  float* output;       // NCHW, or [n, classes]
};

struct Step {
  int module;
  std::string layer;  // empty: only copies the module's output out
  std::string kernel;
  std::int64_t macs;
  std::function<void(const Call&, cudaStream_t)> launch;
  std::int64_t bytes =
      0;  // read and written, each value once; 0 for ways into and out of a part of a network
};

struct RunPlan {
  std::vector<Step> steps;
  std::array<DeviceBuffer<std::byte>, 6> memory;
};

struct PlanOptions {
  int begin, end;
  Precision precision;
  Plan plan;
  Family family;
  // One output a module, written as NCHW here by that module's last step; the stem's modules run one by one.
  float* module_output = nullptr;
};

// `input` has been checked against the architecture, `layers` packed for the same range and precision.
RunPlan make_plan(const Architecture& architecture, const Layers& layers, const PlanOptions& options,
                  const Shape& input);

}  // namespace resnet::cuda
