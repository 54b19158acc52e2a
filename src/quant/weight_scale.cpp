#include "quant/weight_scale.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace resnet::quant {

WeightScale choose_weight_scale(std::span<const double> weights, int steps, double smallest) {
  constexpr int kTries = 80;
  constexpr std::size_t kAtOnce = 64;
  double most = 0;
  for (const double x : weights) most = std::max(most, std::abs(x));
  WeightScale best{.scale = 0, .squared_error = std::numeric_limits<double>::infinity()};
  for (int i = 0; i < kTries; ++i) {
    const double scale = std::max(most / steps * (1.0 - 0.01 * i), smallest);
    const double inverse = 1 / scale;
    double error = 0;
    // The sum only grows: once it has reached the best one this scale is out.
    for (std::size_t begin = 0; begin < weights.size() && !(error >= best.squared_error); begin += kAtOnce) {
      for (const double x : weights.subspan(begin, std::min(kAtOnce, weights.size() - begin))) {
        const double difference = x - weight_steps(x, inverse, steps) * scale;
        error += difference * difference;
      }
    }
    if (error < best.squared_error) best = {scale, error};
  }
  return best;
}

}  // namespace resnet::quant
