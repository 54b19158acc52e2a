// How fast this processor could be: the roof that `bench --layers` compares with.
#pragma once

#include <string_view>

namespace resnet::cpu {

// Measures fp32 multiply-adds from registers, the most that any kernel can reach, on one of available_isas()
// and `threads` threads, in GFLOP/s. Takes a fraction of a second. Throws Error{device_unavailable}.
double measure_fma_gflops(std::string_view isa, int threads);

}  // namespace resnet::cpu
