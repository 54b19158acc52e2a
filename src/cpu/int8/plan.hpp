// An int8 run's plan for one input shape: the steps in order, and where in memory each activation lies.
#pragma once

#include "cpu/int8/layers.hpp"
#include "cpu/step.hpp"

#include <resnet/architecture.hpp>

namespace resnet::cpu::int8 {

// `input` has been checked against the architecture. The stem counts as module 2 where every module's output
// is wanted: conv1, bn1 and relu are one.
RunPlan make_plan(const Architecture& architecture, const PackedLayers& layers, const KernelTable& kernels,
                  const PlanOptions& options, const Shape& input);

}  // namespace resnet::cpu::int8
