// The kernels of the family mma at each precision. One file each, because they take long to compile.
#pragma once

#include "cuda/gathered/params.hpp"

#include <array>

namespace resnet::cuda::mma {

gathered::Kernels fp16_kernels();
gathered::Kernels bf16_kernels();
gathered::Kernels fp32_kernels();
gathered::Kernels int8_kernels();

}  // namespace resnet::cuda::mma
