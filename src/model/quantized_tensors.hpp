// The rules that the values of a quantised model keep (docs/int8.md).
#pragma once

#include <string>

#include <resnet/model.hpp>
#include <resnet/quantization.hpp>

namespace resnet {

// All tensors are there with their shapes and types. Throws Error{bad_format} naming layer and channel where
// a weight, sum or multiplier breaks a rule. `file` is for messages.
void check_quantized_values(const Model& model, const std::string& file);

}  // namespace resnet
