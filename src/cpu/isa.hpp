// Which instruction sets there are, which one a session uses, and how fast it could be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpu/kernels.hpp"

namespace resnet::cpu {

// Those of this build that this processor can run, best first; never empty.
std::vector<std::string_view> available_isas();

// `requested`, else $RESNET_CPU_ISA, else the best there is. Throws Error{device_unavailable} where that set is
// unknown, not in this build or not in this processor, naming those that are.
const KernelTable& select_isa(const std::string& requested);

// Bytes of L2 cache of one processor (1 MiB where the system does not tell).
std::size_t l2_cache_bytes();

// Measures the roof: fp32 multiply-adds from registers on `threads` threads for about 50 ms, in GFLOP/s.
double measure_fma_gflops(std::string_view isa, int threads);

}  // namespace resnet::cpu
