// The kernels of the family simt at each precision.
#pragma once

#include "cuda/gathered/params.hpp"

#include <array>

namespace resnet::cuda::simt {

gathered::Kernels fp16_kernels();
gathered::Kernels bf16_kernels();
gathered::Kernels fp32_kernels();
gathered::Kernels int8_kernels();

}  // namespace resnet::cuda::simt
