#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include <resnet/predictions.hpp>

namespace resnet {
namespace {

constexpr float kDefaultThreshold = 0.5f;

// Best first, equal scores in index order. NaN ranks below every number, so that sorting stays defined.
bool ranks_before(const Prediction& a, const Prediction& b) {
  if (std::isnan(a.score) || std::isnan(b.score)) {
    return std::isnan(a.score) == std::isnan(b.score) ? a.index < b.index : std::isnan(b.score);
  }
  return a.score != b.score ? a.score > b.score : a.index < b.index;
}

}  // namespace

std::vector<float> softmax(std::span<const float> logits) {
  if (logits.empty()) return {};
  // Subtracting the largest logit keeps every exponential within 0..1.
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  std::vector<double> exps(logits.size());
  std::transform(logits.begin(), logits.end(), exps.begin(),
                 [&](float x) { return std::exp(static_cast<double>(x) - largest); });
  const double sum = std::accumulate(exps.begin(), exps.end(), 0.0);
  std::vector<float> scores(logits.size());
  std::transform(exps.begin(), exps.end(), scores.begin(),
                 [&](double e) { return static_cast<float>(e / sum); });
  return scores;
}

std::vector<float> sigmoid(std::span<const float> logits) {
  std::vector<float> scores(logits.size());
  // Where exp(-x) overflows to infinity, 1 / infinity is the right 0.
  std::transform(logits.begin(), logits.end(), scores.begin(),
                 [](float x) { return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x)))); });
  return scores;
}

std::vector<float> probabilities(const Head& head, std::span<const float> logits) {
  return head.kind == HeadKind::sigmoid ? sigmoid(logits) : softmax(logits);
}

std::vector<Prediction> top_k(std::span<const float> scores, int k) {
  std::vector<Prediction> all;
  all.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) all.push_back({static_cast<int>(i), scores[i]});
  const auto count =
      static_cast<std::ptrdiff_t>(std::min(static_cast<std::size_t>(std::max(k, 0)), all.size()));
  std::partial_sort(all.begin(), all.begin() + count, all.end(), ranks_before);
  all.resize(static_cast<std::size_t>(count));
  return all;
}

std::vector<Prediction> predict(const Head& head, std::span<const float> logits, float threshold, int top) {
  const std::vector<float> scores = probabilities(head, logits);
  if (top > 0) return top_k(scores, top);
  if (head.kind == HeadKind::softmax) return top_k(scores, 1);
  std::vector<Prediction> found;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float own = i < head.thresholds.size() ? head.thresholds[i] : kDefaultThreshold;
    if (scores[i] >= (threshold >= 0 ? threshold : own)) found.push_back({static_cast<int>(i), scores[i]});
  }
  std::sort(found.begin(), found.end(), ranks_before);
  return found;
}

}  // namespace resnet
