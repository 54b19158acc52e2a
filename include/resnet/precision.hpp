// What a network computes in.
#pragma once

#include <string_view>

namespace resnet {

enum class Precision { fp32, tf32, bf16, fp16, int8 };
std::string_view to_string(Precision precision) noexcept;
// Throws Error{invalid_argument} naming the choices.
Precision parse_precision(std::string_view name);

}  // namespace resnet
