// Quantised networks of random weights.
#pragma once

#include "quant/quantize.hpp"
#include "support/random_values.hpp"

namespace resnet::test {

inline Model quantized(const Model& model, const quant::QuantizeOptions& options) {
  const Shape shape{2, 3, 48, 48};
  const std::vector<float> pictures = random_values(shape.numel(), 5);
  return quant::quantize(
             model, [&](const auto& visit) { visit(pictures, shape); }, options)
      .model;
}

inline Model quantized_random_model(int depth, int classes, const quant::QuantizeOptions& options) {
  return quantized(make_random_model(depth, classes, 7), options);
}

}  // namespace resnet::test
