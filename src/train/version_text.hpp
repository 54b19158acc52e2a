#pragma once

#include <string>

namespace resnet::train {

// Which LibTorch this is and what it computes on: "LibTorch 1.13.1, CPU only".
std::string torch_version_text();

}  // namespace resnet::train
