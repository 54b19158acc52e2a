#include "cuda/sm90/gemm_table.hpp"

#include "cuda/activation.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda::sm90 {

int row_bytes_of(Precision precision, int channels) {
  return channels * element_bytes_of(precision) % 128 == 0 ? 128 : 64;
}

const GemmKernel* find_gemm_kernel(Precision precision, TileShape shape, int row_bytes) {
  const std::span<const GemmKernel> kernels = precision == Precision::int8   ? int8_kernels()
                                              : precision == Precision::fp16 ? fp16_kernels()
                                              : precision == Precision::bf16 ? bf16_kernels()
                                                                             : fp32_kernels();
  for (const GemmKernel& kernel : kernels) {
    if (kernel.shape == shape && kernel.row_bytes == row_bytes) return &kernel;
  }
  return nullptr;
}

const GemmKernel& gemm_kernel(Precision precision, TileShape shape, int row_bytes) {
  if (const GemmKernel* kernel = find_gemm_kernel(precision, shape, row_bytes)) return *kernel;
  throw Error(ErrorCode::internal, fmt::format("no kernel of tile {} and rows of {} bytes in {}",
                                               static_cast<int>(shape), row_bytes, to_string(precision)));
}

}  // namespace resnet::cuda::sm90
