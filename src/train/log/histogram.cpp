#include "train/log/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <resnet/error.hpp>

namespace resnet::train {

Histogram make_histogram(std::span<const float> values, int bins) {
  if (bins < 1) throw Error(ErrorCode::invalid_argument, "a histogram needs at least one bin");
  Histogram result;
  float min = std::numeric_limits<float>::max(), max = std::numeric_limits<float>::lowest();
  for (const float value : values) {
    if (!std::isfinite(value)) {
      ++result.not_finite;
      continue;
    }
    const double exact = static_cast<double>(value);
    min = std::min(min, value);
    max = std::max(max, value);
    result.sum += exact;
    result.sum_of_squares += exact * exact;
    ++result.count;
  }
  if (result.count == 0 || min == max) {
    if (result.count > 0) result.min = result.max = static_cast<double>(min);
    result.right_edges = {result.max};
    result.counts = {static_cast<double>(result.count)};
    return result;
  }
  result.min = static_cast<double>(min);
  result.max = static_cast<double>(max);
  const double width = (result.max - result.min) / bins;
  for (int i = 1; i < bins; ++i) result.right_edges.push_back(result.min + i * width);
  result.right_edges.push_back(result.max);
  result.counts.assign(static_cast<std::size_t>(bins), 0);
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const int bin = static_cast<int>((static_cast<double>(value) - result.min) / width);
    result.counts[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))] += 1;
  }
  return result;
}

}  // namespace resnet::train
