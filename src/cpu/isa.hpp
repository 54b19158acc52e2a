// Which instruction sets there are, and their kernels.
#pragma once

#include "cpu/int8/kernels.hpp"
#include "cpu/kernels.hpp"

#include <string_view>
#include <vector>

#include <resnet/precision.hpp>

namespace resnet::cpu {

// Those of this build that this processor can run at a precision, best first; empty for one that the backend
// does not have.
std::vector<std::string_view> available_isas(Precision precision);

// The kernels of one of available_isas(). Throw Error{device_unavailable} for any other name.
const KernelTable& kernels_for(std::string_view isa, Precision precision);  // fp32 or bf16
const int8::KernelTable& int8_kernels_for(std::string_view isa);

// The fp32 instruction set that goes with an int8 one: its vectors without the integer instructions.
std::string_view fp32_isa_of(std::string_view int8_isa);

// Bytes of L2 cache of one processor (1 MiB where the system does not tell).
std::size_t l2_cache_bytes();

}  // namespace resnet::cpu
