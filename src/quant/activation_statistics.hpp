// What calibration learns about an activation: its largest value, each channel's mean, and a histogram of
// magnitudes, from which the scale is chosen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::quant {

enum class RangeMethod {
  automatic,   // the candidate below with the least squared error
  minmax,      // nothing is clipped
  percentile,  // the best of 99.9, 99.99 and 99.999 % of the values are not clipped
  mse,         // the clipping with the least squared error, over a grid
};
std::string_view to_string(RangeMethod method) noexcept;
RangeMethod parse_range_method(std::string_view name);

struct ActivationRange {
  double limit = 0;          // the magnitude that becomes the largest step
  std::string chosen;        // "minmax", "percentile 99.99", "mse"
  double squared_error = 0;  // mean, of quantising and clipping
};

class ActivationStatistics {
 public:
  // First pass over the calibration data: NCHW (or [N, C]).
  void observe_range(std::span<const float> values, const Shape& shape);
  // Second pass over the same data: counts magnitudes up to the largest of the first.
  void observe_histogram(std::span<const float> values);

  double largest() const noexcept { return largest_; }  // magnitude
  std::vector<double> channel_means() const;
  double mean_square() const noexcept {
    return values_ == 0 ? 0 : sum_of_squares_ / static_cast<double>(values_);
  }

  // The range for `steps` positive steps (255 of u8, 127 of s8).
  ActivationRange choose_range(RangeMethod method, int steps) const;

 private:
  double squared_error(double limit, int steps) const;
  double quantile(double fraction) const;

  double largest_ = 0;
  double sum_of_squares_ = 0;
  std::vector<double> channel_sums_;
  std::int64_t values_ = 0;
  std::vector<std::int64_t> histogram_;  // of kBins bins over [0, largest_]
};

}  // namespace resnet::quant
