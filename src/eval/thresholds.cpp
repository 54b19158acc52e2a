#include "eval/thresholds.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

// Between `threshold`, which is one of the scores first, first + stride, …, and the next one below it.
float middle_below(std::span<const float> scores, std::size_t first, std::size_t stride, float threshold) {
  float below = 0;
  for (std::size_t i = first; i < scores.size(); i += stride) {
    if (scores[i] < threshold) below = std::max(below, scores[i]);
  }
  return below + (threshold - below) / 2;
}

}  // namespace

float choose_threshold(const MultilabelMetrics& metrics, std::span<const float> scores) {
  if (scores.size() != static_cast<std::size_t>(metrics.images) * metrics.per_class.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} scores do not make {} rows of {} classes", scores.size(), metrics.images,
                            metrics.per_class.size()));
  }
  return metrics.best ? middle_below(scores, 0, 1, metrics.best->threshold) : 0.5f;
}

std::vector<float> choose_class_thresholds(const MultilabelMetrics& metrics, std::span<const float> scores) {
  constexpr float kPriorPositives = 10;
  const std::size_t classes = metrics.per_class.size();
  const float common = choose_threshold(metrics, scores);
  std::vector<float> chosen(classes, common);
  for (std::size_t c = 0; c < classes; ++c) {
    const ClassMetrics& own = metrics.per_class[c];
    if (!own.best) continue;
    const auto positives = static_cast<float>(own.positives);
    const float best = middle_below(scores, c, classes, own.best->threshold);
    chosen[c] = (positives * best + kPriorPositives * common) / (positives + kPriorPositives);
  }
  return chosen;
}

}  // namespace resnet::eval
