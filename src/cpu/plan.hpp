// An fp32 run's plan for one input shape: the steps in order, and where in memory each activation lies.
//
// Block inputs and outputs rotate through three slots (a slot is free again once nothing later reads it), and
// all steps share one scratch area, so that memory does not grow with depth.
#pragma once

#include "cpu/layers.hpp"
#include "cpu/step.hpp"

#include <resnet/architecture.hpp>

namespace resnet::cpu {

// `input` has been checked against the architecture.
RunPlan make_plan(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
                  const PlanOptions& options, const Shape& input);

}  // namespace resnet::cpu
