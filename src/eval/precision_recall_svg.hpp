// Precision-recall curves as SVG.
#pragma once

#include "eval/multilabel_metrics.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace resnet::eval {

struct CurveMark {
  std::string name;  // "best threshold 0.43"
  double precision;
  double recall;
};

// Axes, lines of equal F1, the curve of all decisions together, and marks on it.
std::string precision_recall_svg(std::span<const PrecisionRecall> curve, std::span<const CurveMark> marks);

// The same curve without axes, small enough for a table's cell.
std::string precision_recall_sparkline(std::span<const PrecisionRecall> curve);

// The points where recall rises, which are all that the steps depend on; where there are more than
// `limit`, only the last of each of `limit` equal slices of recall (so at most limit + 1).
std::vector<PrecisionRecall> thin_curve(std::span<const PrecisionRecall> curve, std::size_t limit);

}  // namespace resnet::eval
