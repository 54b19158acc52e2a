// The two last rungs: the backend `cuda`, its kernels queued one by one, and as it ships, as a graph.
#pragma once

#include "ladder/prediction.hpp"

#include <span>
#include <vector>

#include <resnet/model.hpp>

namespace resnet::ladder {

struct TensorCoreTimes {
  double steps_ms, predicted_steps_ms;  // launched one by one
  double graph_ms, predicted_graph_ms;
};

// Throws Error{device_unavailable} where the backend has no kernels for device 0.
TensorCoreTimes time_tensor_cores(const Model& model, const Shape& shape, std::span<const float> input,
                                  const Gpu& gpu, int runs);

// Logits for `input`: of the kernels one by one, and of the Session with its graph.
struct TensorCoreLogits {
  std::vector<float> steps, graph;
};
TensorCoreLogits tensor_core_logits(const Model& model, const Shape& shape, std::span<const float> input);

}  // namespace resnet::ladder
