#include "cuda/sm90/gemm_table.cuh"
#include "cuda/sm90/gemm_table.hpp"

namespace resnet::cuda::sm90 {

const GemmKernels& fp32_kernels() {
  static const GemmKernels table{
      row_of<Tile<Single, 128, 128, 128, 3, 1, false>>(), row_of<Tile<Single, 128, 64, 128, 2, 2, false>>(),
      row_of<Tile<Single, 64, 64, 128, 3, 2, false>>(),   row_of<Tile<Single, 64, 64, 128, 3, 2, true>>(),
      row_of<Tile<Single, 128, 128, 64, 3, 1, false>>(),  row_of<Tile<Single, 128, 64, 64, 3, 2, false>>(),
      row_of<Tile<Single, 64, 64, 64, 6, 2, false>>(),    row_of<Tile<Single, 64, 64, 64, 6, 2, true>>()};
  return table;
}

}  // namespace resnet::cuda::sm90
