#include "cuda/sm90/gemm_table.cuh"
#include "cuda/sm90/gemm_table.hpp"

namespace resnet::cuda::sm90 {

std::span<const GemmKernel> fp16_kernels() {
  using enum TileShape;
  static const GemmKernel table[] = {resident_row<Half>(),
                                     row_of<Tile<Half, 192, 128, 128, 4, 1>>(m192n128),
                                     row_of<Tile<Half, 128, 128, 128, 3, 2>>(m128n128),
                                     row_of<Tile<Half, 128, 64, 128, 4, 2>>(m128n64),
                                     row_of<Tile<Half, 64, 64, 128, 4, 3>>(m64n64),
                                     split_row<SplitTile<Half, 128, 12>>(),
                                     row_of<Tile<Half, 128, 128, 64, 3, 2>>(m128n128),
                                     row_of<Tile<Half, 128, 64, 64, 6, 2>>(m128n64),
                                     row_of<Tile<Half, 64, 64, 64, 6, 3>>(m64n64),
                                     split_row<SplitTile<Half, 64, 12>>()};
  return table;
}

}  // namespace resnet::cuda::sm90
