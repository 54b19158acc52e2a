// Which of a network's classes are a photo's tags, and what that choice depends on.
#pragma once

#include "tag_options.hpp"

#include <span>
#include <string>
#include <vector>

#include <resnet/predictions.hpp>

namespace resnet::cli {

// A sigmoid head: the classes at or above their thresholds, or above --threshold. A softmax head: the five
// best.
// --top takes exactly that many of either, --threshold given with it leaves out the unlikely ones among them.
std::vector<Prediction> select_tags(const Head& head, std::span<const float> logits,
                                    const TagArguments& args);

// A name for model and options: the same photo gives the same tags wherever it is the same.
std::string tag_fingerprint(const Model& model, const TagArguments& args);

}  // namespace resnet::cli
