#include "cuda/sm90/gemm_table.cuh"
#include "cuda/sm90/gemm_table.hpp"

namespace resnet::cuda::sm90 {

const GemmKernels& fp16_kernels() {
  static const GemmKernels table{
      row_of<Tile<Half, 128, 128, 128, 3, 2, false>>(), row_of<Tile<Half, 128, 64, 128, 4, 2, false>>(),
      row_of<Tile<Half, 64, 64, 128, 4, 3, false>>(),   row_of<Tile<Half, 64, 64, 128, 6, 2, true>>(),
      row_of<Tile<Half, 128, 128, 64, 3, 2, false>>(),  row_of<Tile<Half, 128, 64, 64, 6, 2, false>>(),
      row_of<Tile<Half, 64, 64, 64, 6, 3, false>>(),    row_of<Tile<Half, 64, 64, 64, 8, 2, true>>()};
  return table;
}

}  // namespace resnet::cuda::sm90
