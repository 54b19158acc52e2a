#include "cuda/sm90/gemm_table.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda::sm90 {

const GemmKernel& gemm_kernel(Precision precision, TileShape shape, int row_bytes) {
  const GemmKernels& kernels = precision == Precision::int8   ? int8_kernels()
                               : precision == Precision::fp16 ? fp16_kernels()
                               : precision == Precision::bf16 ? bf16_kernels()
                                                              : fp32_kernels();
  for (const GemmKernel& kernel : kernels) {
    const TileShape own = kernel.cluster         ? TileShape::m64n64_cluster
                          : kernel.tile_n == 128 ? TileShape::m128n128
                          : kernel.tile_m == 64  ? TileShape::m64n64
                                                 : TileShape::m128n64;
    if (own == shape && kernel.row_bytes == row_bytes) return kernel;
  }
  throw Error(ErrorCode::internal, fmt::format("no kernel of tile {} and rows of {} bytes in {}",
                                               static_cast<int>(shape), row_bytes, to_string(precision)));
}

}  // namespace resnet::cuda::sm90
