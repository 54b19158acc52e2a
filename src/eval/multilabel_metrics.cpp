#include "eval/multilabel_metrics.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

double ratio(double numerator, double denominator) noexcept {
  return denominator == 0 ? 0.0 : numerator / denominator;
}

// A score and its target, packed so that millions of them sort without an index.
struct Scored {
  float score;
  bool positive;
};

// One step of a ranking: everything with score >= threshold is accepted.
struct Step {
  float threshold;
  std::int64_t accepted;
  std::int64_t true_positives;
};

std::vector<Scored> sorted_best_first(std::span<const float> scores, std::span<const std::uint8_t> targets) {
  if (scores.size() != targets.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} scores for {} targets", scores.size(), targets.size()));
  }
  std::vector<Scored> all(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) throw Error(ErrorCode::invalid_argument, fmt::format("score {} is NaN", i));
    all[i] = {scores[i], targets[i] != 0};
  }
  std::sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  return all;
}

// Calls visit(Step) after each group of equal scores, best first.
template <typename Visit>
void for_each_step(const std::vector<Scored>& all, Visit visit) {
  std::int64_t true_positives = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    true_positives += all[i].positive;
    if (i + 1 == all.size() || all[i + 1].score != all[i].score) {
      visit(Step{all[i].score, static_cast<std::int64_t>(i + 1), true_positives});
    }
  }
}

std::int64_t count_positives(std::span<const std::uint8_t> targets) {
  return static_cast<std::int64_t>(targets.size()) -
         std::count(targets.begin(), targets.end(), std::uint8_t{0});
}

double area_under_steps(const std::vector<Scored>& all, std::int64_t positives) {
  double area = 0;
  std::int64_t before = 0;
  for_each_step(all, [&](const Step& step) {
    const double precision = static_cast<double>(step.true_positives) / static_cast<double>(step.accepted);
    area += static_cast<double>(step.true_positives - before) / static_cast<double>(positives) * precision;
    before = step.true_positives;
  });
  return area;
}

BestThreshold best_of(const std::vector<Scored>& all, std::int64_t positives) {
  BestThreshold best{all.front().score, -1};
  for_each_step(all, [&](const Step& step) {
    // F1 = 2 TP / (accepted + positives)
    const double f1 =
        2.0 * static_cast<double>(step.true_positives) / static_cast<double>(step.accepted + positives);
    if (f1 > best.f1) best = {step.threshold, f1};
  });
  return best;
}

void add_classes(MultilabelMetrics& result, std::span<const float> scores,
                 std::span<const std::uint8_t> targets, std::span<const float> thresholds) {
  const std::size_t images = static_cast<std::size_t>(result.images), classes = result.per_class.size();
  std::vector<float> column(images);
  std::vector<std::uint8_t> wanted(images);
  for (std::size_t c = 0; c < classes; ++c) {
    ClassMetrics& own = result.per_class[c];
    own.threshold = thresholds.size() == 1 ? thresholds[0] : thresholds[c];
    for (std::size_t i = 0; i < images; ++i) {
      column[i] = scores[i * classes + c];
      wanted[i] = targets[i * classes + c] != 0;
      const bool accepted = column[i] >= own.threshold;
      own.counts.true_positives += accepted && wanted[i];
      own.counts.false_positives += accepted && !wanted[i];
      own.counts.false_negatives += !accepted && wanted[i];
    }
    own.positives = count_positives(wanted);
    if (own.positives == 0) continue;
    const std::vector<Scored> all = sorted_best_first(column, wanted);
    own.ap = area_under_steps(all, own.positives);
    own.best = best_of(all, own.positives);
  }
}

}  // namespace

double Counts::precision() const noexcept {
  return ratio(static_cast<double>(true_positives), static_cast<double>(true_positives + false_positives));
}

double Counts::recall() const noexcept {
  return ratio(static_cast<double>(true_positives), static_cast<double>(true_positives + false_negatives));
}

double Counts::f1() const noexcept {
  return ratio(2.0 * static_cast<double>(true_positives),
               static_cast<double>(2 * true_positives + false_positives + false_negatives));
}

std::vector<PrecisionRecall> precision_recall_curve(std::span<const float> scores,
                                                    std::span<const std::uint8_t> targets) {
  const std::vector<Scored> all = sorted_best_first(scores, targets);
  const std::int64_t positives = count_positives(targets);
  std::vector<PrecisionRecall> curve;
  if (positives == 0) return curve;
  for_each_step(all, [&](const Step& step) {
    const auto hits = static_cast<double>(step.true_positives);
    curve.push_back(
        {step.threshold, hits / static_cast<double>(step.accepted), hits / static_cast<double>(positives)});
  });
  return curve;
}

std::optional<double> average_precision(std::span<const float> scores,
                                        std::span<const std::uint8_t> targets) {
  const std::vector<Scored> all = sorted_best_first(scores, targets);
  const std::int64_t positives = count_positives(targets);
  if (positives == 0) return std::nullopt;
  return area_under_steps(all, positives);
}

std::optional<BestThreshold> best_f1_threshold(std::span<const float> scores,
                                               std::span<const std::uint8_t> targets) {
  const std::vector<Scored> all = sorted_best_first(scores, targets);
  const std::int64_t positives = count_positives(targets);
  if (positives == 0) return std::nullopt;
  return best_of(all, positives);
}

MultilabelMetrics multilabel_metrics(std::span<const float> scores, std::span<const std::uint8_t> targets,
                                     int classes, std::span<const float> thresholds) {
  const auto width = static_cast<std::size_t>(std::max(classes, 0));
  if (classes < 1 || scores.size() != targets.size() || scores.size() % width != 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} scores and {} targets do not make rows of {} classes", scores.size(),
                            targets.size(), classes));
  }
  if (thresholds.size() != 1 && thresholds.size() != width) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} thresholds for {} classes: give one for all or one a class",
                            thresholds.size(), classes));
  }
  MultilabelMetrics result;
  result.images = static_cast<std::int64_t>(scores.size() / width);
  result.per_class.resize(width);
  result.best = best_f1_threshold(scores, targets);  // also the check for NaN
  add_classes(result, scores, targets, thresholds);

  double precision = 0, recall = 0;
  for (const ClassMetrics& own : result.per_class) {
    result.overall.true_positives += own.counts.true_positives;
    result.overall.false_positives += own.counts.false_positives;
    result.overall.false_negatives += own.counts.false_negatives;
    if (own.positives == 0) continue;
    ++result.classes_with_positives;
    result.map += *own.ap;
    precision += own.counts.precision();
    recall += own.counts.recall();
  }
  if (result.classes_with_positives > 0) {
    result.map /= result.classes_with_positives;
    result.cp = precision / result.classes_with_positives;
    result.cr = recall / result.classes_with_positives;
    result.cf1 = ratio(2 * result.cp * result.cr, result.cp + result.cr);
  }
  return result;
}

}  // namespace resnet::eval
