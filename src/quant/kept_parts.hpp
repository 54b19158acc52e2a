// From what a user wants left in fp32 to the parts of a network.
#pragma once

#include <string>
#include <vector>

#include <resnet/quantization.hpp>

namespace resnet::quant {

// Parts as quantization_part() names them, once each and in the network's order, for their own names,
// "layer1" to "layer4" (all blocks of it) and "head". Throws Error{invalid_argument} listing the choices for
// another name, and where nothing would be left to quantise.
std::vector<std::string> kept_parts(const Architecture& architecture, const std::vector<std::string>& names);

}  // namespace resnet::quant
