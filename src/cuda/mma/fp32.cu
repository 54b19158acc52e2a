#include "cuda/mma/implicit_gemm.cuh"
#include "cuda/mma/kernels.hpp"

namespace resnet::cuda::mma {

gathered::Kernels fp32_kernels() {
  static const std::array kernels{row_of<Tile<Single, 128, 64, 64, 32, 3, 2, false>>(),
                                  row_of<Tile<Single, 64, 64, 32, 32, 3, 4, false>>(),
                                  row_of<Tile<Single, 64, 64, 32, 32, 4, 3, true>>()};
  return kernels;
}

}  // namespace resnet::cuda::mma
