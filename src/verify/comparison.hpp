// How far one tensor is from another. All sums are in double.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::verify {

struct Difference {
  std::int64_t count = 0;       // elements compared
  double max_abs = 0;           // largest |ours - expected|
  double mean_abs = 0;          // mean |ours - expected|
  double max_expected = 0;      // largest |expected|
  double cosine = 1;            // of the two as vectors; 1 where both are zero
  std::int64_t worst = -1;      // index of the largest difference; the first non-finite element, if any
  std::int64_t not_finite = 0;  // elements where either is NaN or infinite: these are in no other figure

  // max_abs relative to the largest expected value; infinite where only zeros were expected and something
  // else came.
  double max_abs_rel() const noexcept;
};

// Both hold the same number of elements. Expected is PyTorch's, in fp32 or in float64.
Difference difference(std::span<const float> ours, std::span<const float> expected);
Difference difference(std::span<const float> ours, std::span<const double> expected);
Difference difference(std::span<const double> ours, std::span<const double> expected);

// Index of the first element that is further than `limit` from the expected one, or not finite; -1 where
// there is none.
std::int64_t first_beyond(std::span<const float> ours, std::span<const float> expected, double limit);

// Where element `index` of a row-major tensor lies, one coordinate a dimension; as text "[0, 12, 3, 5]".
std::vector<std::int64_t> coordinates(const Shape& shape, std::int64_t index);
std::string position(const Shape& shape, std::int64_t index);

}  // namespace resnet::verify
