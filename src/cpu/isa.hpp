// Which instruction sets there are, and their kernels.
#pragma once

#include "cpu/kernels.hpp"

#include <string_view>
#include <vector>

namespace resnet::cpu {

// Those of this build that this processor can run, best first; never empty.
std::vector<std::string_view> available_isas();

// The kernels of one of available_isas(). Throws Error{device_unavailable} for any other name.
const KernelTable& kernels_for(std::string_view isa);

// Bytes of L2 cache of one processor (1 MiB where the system does not tell).
std::size_t l2_cache_bytes();

}  // namespace resnet::cpu
