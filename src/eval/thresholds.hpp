// Which probability makes a tag: thresholds chosen on labelled pictures, those of best F1.
//
// A threshold lies in the middle between the last accepted score and the first refused one (0 where none is
// refused), so that a score that another device gives differently in its last digits falls on the same side.
// `metrics` are those of `scores`, [images, classes], at whatever thresholds; Error{invalid_argument} is
// thrown where the sizes differ.
#pragma once

#include "eval/multilabel_metrics.hpp"

#include <span>
#include <vector>

namespace resnet::eval {

// The one for all classes together; 0.5 where no picture has any of them.
float choose_threshold(const MultilabelMetrics& metrics, std::span<const float> scores);

// One a class: its own, drawn towards that of all classes as if ten positives more had asked for it, for with
// a handful of positives a class's best is a matter of luck. A class without positives gets that of all.
std::vector<float> choose_class_thresholds(const MultilabelMetrics& metrics, std::span<const float> scores);

}  // namespace resnet::eval
