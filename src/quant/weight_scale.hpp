// The scale of quantised weights: the clipping with the least squared error (Banner et al., "Post training
// 4-bit quantization of convolutional networks for rapid-deployment", NeurIPS 2019), found by trying.
#pragma once

#include <algorithm>
#include <span>

namespace resnet::quant {

struct WeightScale {
  double scale = 0;          // the value of one step
  double squared_error = 0;  // summed, of rounding and clipping
};

// For weights that share a scale and become whole numbers in -steps … steps. The scale is at least
// `smallest`, which is positive.
WeightScale choose_weight_scale(std::span<const double> weights, int steps, double smallest);

// The whole number that a weight becomes. inverse: 1 / scale, with |weight · inverse| up to 2^50. The
// library's function for rounding is a call, and this runs a billion times.
inline double weight_steps(double weight, double inverse, int steps) {
  constexpr double kRounder = 0x1.8p52;
  const auto most = static_cast<double>(steps);
  return (std::clamp(weight * inverse, -most, most) + kRounder) - kRounder;
}

}  // namespace resnet::quant
