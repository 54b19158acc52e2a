#include "eval/classification_metrics.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {

int rank_of(std::span<const float> scores, int target) {
  if (target < 0 || target >= static_cast<int>(scores.size())) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("class {} is not one of the {} that were scored", target, scores.size()));
  }
  const float own = scores[target];
  int rank = 0;
  for (int i = 0; i < static_cast<int>(scores.size()); ++i) {
    if (std::isnan(scores[i]))
      throw Error(ErrorCode::invalid_argument, fmt::format("the score of class {} is NaN", i));
    if (scores[i] > own || (scores[i] == own && i < target)) ++rank;
  }
  return rank;
}

ClassificationMetrics::ClassificationMetrics(int classes) {
  if (classes < 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("{} classes: give at least 1", classes));
  per_class_.resize(static_cast<std::size_t>(classes));
}

void ClassificationMetrics::add(std::span<const float> scores, int target) {
  if (scores.size() != per_class_.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} scores for {} classes", scores.size(), classes()));
  }
  const int rank = rank_of(scores, target);
  ClassAccuracy& own = per_class_[target];
  ++images_, ++own.images;
  if (rank < 1) ++top1_, ++own.top1;
  if (rank < 5) ++top5_, ++own.top5;
  if (rank >= 1) {
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    mistakes_.push_back(static_cast<std::int64_t>(target) * classes() + best);
  }
}

std::vector<Confusion> ClassificationMetrics::worst_confusions(std::size_t limit) const {
  std::vector<std::int64_t> sorted = mistakes_;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Confusion> result;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t end = i;
    while (end < sorted.size() && sorted[end] == sorted[i]) ++end;
    result.push_back({static_cast<int>(sorted[i] / classes()), static_cast<int>(sorted[i] % classes()),
                      static_cast<std::int64_t>(end - i)});
    i = end;
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });
  if (result.size() > limit) result.resize(limit);
  return result;
}

std::vector<int> ClassificationMetrics::worst_classes(std::size_t limit) const {
  std::vector<int> order;
  for (int c = 0; c < classes(); ++c) {
    if (per_class_[c].images > 0) order.push_back(c);
  }
  // Fractions are compared by cross-multiplication, so that equal ones are equal.
  std::stable_sort(order.begin(), order.end(), [this](int a, int b) {
    const ClassAccuracy &x = per_class_[a], &y = per_class_[b];
    if (x.top1 * y.images != y.top1 * x.images) return x.top1 * y.images < y.top1 * x.images;
    return x.top5 * y.images < y.top5 * x.images;
  });
  if (order.size() > limit) order.resize(limit);
  return order;
}

}  // namespace resnet::eval
