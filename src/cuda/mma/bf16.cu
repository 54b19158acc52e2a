#include "cuda/mma/implicit_gemm.cuh"
#include "cuda/mma/kernels.hpp"

namespace resnet::cuda::mma {

gathered::Kernels bf16_kernels() {
  static const std::array kernels{row_of<Tile<BFloat, 128, 128, 64, 32, 3, 2, false>>(),
                                  row_of<Tile<BFloat, 128, 64, 64, 32, 3, 4, false>>(),
                                  row_of<Tile<BFloat, 64, 64, 32, 32, 4, 4, true>>()};
  return kernels;
}

}  // namespace resnet::cuda::mma
