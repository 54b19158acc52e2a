#include "verify/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

template <class A, class B>
Difference measure(std::span<const A> ours, std::span<const B> expected) {
  if (ours.size() != expected.size()) {
    throw Error(ErrorCode::shape_mismatch, "cannot compare " + std::to_string(ours.size()) +
                                               " elements with " + std::to_string(expected.size()));
  }
  Difference d;
  d.count = static_cast<std::int64_t>(ours.size());
  double sum_abs = 0, dot = 0, norm_ours = 0, norm_expected = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto a = static_cast<double>(ours[i]), b = static_cast<double>(expected[i]);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (d.not_finite++ == 0) d.worst = static_cast<std::int64_t>(i);
      continue;
    }
    const double gap = std::abs(a - b);
    if (d.not_finite == 0 && (gap > d.max_abs || d.worst < 0)) d.worst = static_cast<std::int64_t>(i);
    d.max_abs = std::max(d.max_abs, gap);
    d.max_expected = std::max(d.max_expected, std::abs(b));
    sum_abs += gap;
    dot += a * b;
    norm_ours += a * a;
    norm_expected += b * b;
  }
  const std::int64_t finite = d.count - d.not_finite;
  if (finite > 0) d.mean_abs = sum_abs / static_cast<double>(finite);
  if (norm_ours > 0 && norm_expected > 0) {
    d.cosine = dot / (std::sqrt(norm_ours) * std::sqrt(norm_expected));
  } else {
    d.cosine = norm_ours == norm_expected ? 1 : 0;
  }
  return d;
}

}  // namespace

double Difference::max_abs_rel() const noexcept {
  if (max_expected > 0) return max_abs / max_expected;
  return max_abs > 0 ? std::numeric_limits<double>::infinity() : 0;
}

Difference difference(std::span<const float> ours, std::span<const float> expected) {
  return measure(ours, expected);
}
Difference difference(std::span<const float> ours, std::span<const double> expected) {
  return measure(ours, expected);
}
Difference difference(std::span<const double> ours, std::span<const double> expected) {
  return measure(ours, expected);
}

std::int64_t first_beyond(std::span<const float> ours, std::span<const float> expected, double limit) {
  for (std::size_t i = 0; i < std::min(ours.size(), expected.size()); ++i) {
    const double gap = std::abs(static_cast<double>(ours[i]) - static_cast<double>(expected[i]));
    // Negated, so that a NaN is beyond every limit; equal infinities give NaN as well.
    if (!(gap <= limit)) return static_cast<std::int64_t>(i);
  }
  return -1;
}

std::vector<std::int64_t> coordinates(const Shape& shape, std::int64_t index) {
  std::vector<std::int64_t> at(shape.rank());
  for (std::size_t d = shape.rank(); d-- > 0;) {
    at[d] = index % shape[d];
    index /= shape[d];
  }
  return at;
}

std::string position(const Shape& shape, std::int64_t index) {
  return Shape(coordinates(shape, index)).to_string();
}

}  // namespace resnet::verify
