// Top-1/top-5 of single-label pictures, and which classes are taken for which.
//
// These functions take plain numbers and know nothing of models, files or the command line.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace resnet::eval {

// How many classes rank before `target`: 0 means top-1. Of equal scores the lower index ranks first,
// as in resnet::top_k. Throws Error{invalid_argument} on a target outside the scores or a NaN.
int rank_of(std::span<const float> scores, int target);

// Pictures of class `actual` whose best class was `predicted`.
struct Confusion {
  int actual;
  int predicted;
  std::int64_t count;
};

struct ClassAccuracy {
  std::int64_t images = 0;  // with this target
  std::int64_t top1 = 0;
  std::int64_t top5 = 0;
};

// Adds up pictures one at a time: the scores are not kept.
class ClassificationMetrics {
 public:
  // Throws Error{invalid_argument} unless classes >= 1.
  explicit ClassificationMetrics(int classes);

  // scores: [classes], of any monotone kind (logits or probabilities). Throws as rank_of does.
  void add(std::span<const float> scores, int target);

  int classes() const noexcept { return static_cast<int>(per_class_.size()); }
  std::int64_t images() const noexcept { return images_; }
  // Fractions in 0..1; 0 where no picture was added.
  double top1() const noexcept { return fraction(top1_); }
  double top5() const noexcept { return fraction(top5_); }
  std::int64_t top1_count() const noexcept { return top1_; }
  std::int64_t top5_count() const noexcept { return top5_; }
  const std::vector<ClassAccuracy>& per_class() const noexcept { return per_class_; }

  // The `limit` most frequent mistakes, most frequent first; ties by class index.
  std::vector<Confusion> worst_confusions(std::size_t limit) const;
  // Indices of the classes that had pictures, worst top-1 first; ties by top-5, then by class index.
  std::vector<int> worst_classes(std::size_t limit) const;

 private:
  double fraction(std::int64_t count) const noexcept {
    return images_ == 0 ? 0.0 : static_cast<double>(count) / static_cast<double>(images_);
  }

  std::int64_t images_ = 0, top1_ = 0, top5_ = 0;
  std::vector<ClassAccuracy> per_class_;
  std::vector<std::int64_t> mistakes_;  // actual * classes + predicted, one entry a mistake
};

}  // namespace resnet::eval
