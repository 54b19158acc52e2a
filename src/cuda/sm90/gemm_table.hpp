// The kernels of each format: m128n128, m128n64, m64n64 and m64n64_cluster for rows of 128 bytes, then for
// rows of 64. One file a format, because each takes long to compile.
#pragma once

#include "cuda/sm90/implicit_gemm.hpp"

#include <array>

namespace resnet::cuda::sm90 {

using GemmKernels = std::array<GemmKernel, 8>;
const GemmKernels& fp16_kernels();
const GemmKernels& bf16_kernels();
const GemmKernels& fp32_kernels();
const GemmKernels& int8_kernels();

}  // namespace resnet::cuda::sm90
