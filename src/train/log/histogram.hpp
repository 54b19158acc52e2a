// How the values of a tensor are spread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace resnet::train {

// Of the finite values: bins of equal width from the smallest to the largest. Where all are one value, or
// there is none, one bin.
struct Histogram {
  double min = 0;
  double max = 0;
  double sum = 0;
  double sum_of_squares = 0;
  std::int64_t count = 0;
  std::int64_t not_finite = 0;      // NaN and infinities, counted nowhere else
  std::vector<double> right_edges;  // of the bins, ascending; the last is max
  std::vector<double> counts;  // values in each bin; its right edge belongs to the next one, but for the last
};

// Throws Error{invalid_argument} for fewer than one bin.
Histogram make_histogram(std::span<const float> values, int bins = 64);

}  // namespace resnet::train
