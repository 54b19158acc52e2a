// Average precision, precision, recall and F1 of multi-label pictures.
//
// Scores are [images, classes], row-major, larger meaning surer; targets are the same shape, 1 where
// the picture has the class. Everything is computed in double precision. These functions take plain
// arrays and know nothing of models, files or the command line: a trainer calls them as they are.
//
// Definitions, with TP, FP, FN counted where score >= threshold:
//   AP         sum over distinct scores, best first, of (R_k - R_k-1) * P_k: the area under the steps,
//              not interpolated; pictures of equal score enter together (scikit-learn's
//              average_precision_score)
//   mAP        mean AP of the classes that have at least one positive picture
//   precision, recall, f1 = OF1      over all pictures and classes together ("micro")
//   CF1        2 CP CR / (CP + CR), CP and CR being the means of the per-class precision and recall
//              over the classes that have a positive; a class that is never predicted has precision 0
//   best threshold   the one value for all classes that maximises OF1; of equal ones the largest
// A quotient 0/0 counts as 0.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace resnet::eval {

struct Counts {
  std::int64_t true_positives = 0, false_positives = 0, false_negatives = 0;

  double precision() const noexcept;
  double recall() const noexcept;
  double f1() const noexcept;
};

// One point of a precision-recall curve: what accepting every score >= threshold gives.
struct PrecisionRecall {
  float threshold;
  double precision;
  double recall;
};

// All distinct points, the highest threshold first. Empty where no target is 1. Throws
// Error{invalid_argument} on a NaN or where the sizes differ.
std::vector<PrecisionRecall> precision_recall_curve(std::span<const float> scores,
                                                    std::span<const std::uint8_t> targets);

// none where no target is 1.
std::optional<double> average_precision(std::span<const float> scores, std::span<const std::uint8_t> targets);

struct BestThreshold {
  float threshold;  // one of the scores: accept score >= threshold
  double f1;
};

// The threshold of the largest F1 over the points of the curve, the highest of equal ones. none where
// no target is 1.
std::optional<BestThreshold> best_f1_threshold(std::span<const float> scores,
                                               std::span<const std::uint8_t> targets);

struct ClassMetrics {
  std::int64_t positives = 0;  // pictures that have the class
  std::optional<double> ap;    // none where there is no positive
  float threshold = 0.5f;      // the counts below were taken at
  Counts counts;
  std::optional<BestThreshold> best;  // maximises this class's own F1
};

struct MultilabelMetrics {
  std::int64_t images = 0;
  int classes_with_positives = 0;  // what mAP is the mean of
  double map = 0;                  // 0 where classes_with_positives is 0
  Counts overall;                  // precision, recall, f1 (= OF1)
  double cp = 0, cr = 0, cf1 = 0;
  std::optional<BestThreshold> best;  // f1 is OF1 at that threshold
  std::vector<ClassMetrics> per_class;
};

// thresholds: one a class, or a single one for all. Throws Error{invalid_argument} on a NaN, on sizes
// that do not fit, or on classes < 1.
MultilabelMetrics multilabel_metrics(std::span<const float> scores, std::span<const std::uint8_t> targets,
                                     int classes, std::span<const float> thresholds);

}  // namespace resnet::eval
