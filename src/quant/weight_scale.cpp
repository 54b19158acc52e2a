#include "quant/weight_scale.hpp"

#include <cmath>
#include <limits>

namespace resnet::quant {

WeightScale choose_weight_scale(std::span<const double> weights, int steps, double smallest) {
  constexpr int kTries = 80;
  double most = 0;
  for (const double x : weights) most = std::max(most, std::abs(x));
  WeightScale best{.scale = 0, .squared_error = std::numeric_limits<double>::infinity()};
  for (int i = 0; i < kTries; ++i) {
    const double scale = std::max(most / steps * (1.0 - 0.01 * i), smallest);
    const double inverse = 1 / scale;
    double error = 0;
    for (const double x : weights) {
      const double difference = x - weight_steps(x, inverse, steps) * scale;
      error += difference * difference;
    }
    if (error < best.squared_error) best = {scale, error};
  }
  return best;
}

}  // namespace resnet::quant
