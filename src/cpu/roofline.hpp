// How fast this processor could be: the roof that `bench --layers` compares with.
#pragma once

#include <string_view>

#include <resnet/precision.hpp>

namespace resnet::cpu {

// Measures multiply-adds from registers at a precision (fp32 or int8), the most that any kernel can reach, on one
// of available_isas() and `threads` threads, in billions of operations a second. Takes a fraction of a second.
// Throws Error{device_unavailable}.
double measure_roof(Precision precision, std::string_view isa, int threads);

}  // namespace resnet::cpu
