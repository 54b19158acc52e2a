// The kernels of each format, for stages with rows of 128 bytes of k and of 64. One file a format, because
// each takes long to compile. Tiles whose sums do not fit the registers, or their stages shared memory, are
// left out.
#pragma once

#include "cuda/sm90/implicit_gemm.hpp"

#include <span>

namespace resnet::cuda::sm90 {

std::span<const GemmKernel> fp16_kernels();
std::span<const GemmKernel> bf16_kernels();
std::span<const GemmKernel> fp32_kernels();
std::span<const GemmKernel> int8_kernels();

}  // namespace resnet::cuda::sm90
