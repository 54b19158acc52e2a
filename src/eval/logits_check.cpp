#include "eval/logits_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {

void LogitsCheck::add(std::int64_t picture, std::span<const float> logits, std::span<const float> expected) {
  if (logits.size() != expected.size() || logits.empty()) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{} logits a picture where {} are expected", logits.size(), expected.size()));
  }
  for (std::size_t c = 0; c < logits.size(); ++c) {
    double difference = std::abs(static_cast<double>(logits[c]) - static_cast<double>(expected[c]));
    if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
    if (difference > max_abs_ || worst_picture_ < 0) {
      max_abs_ = difference;
      worst_picture_ = picture;
      worst_class_ = static_cast<int>(c);
    }
  }
  ++pictures_;
  const auto best = [](std::span<const float> row) {
    return std::max_element(row.begin(), row.end()) - row.begin();
  };
  top1_equal_ += best(logits) == best(expected);
}

}  // namespace resnet::eval
