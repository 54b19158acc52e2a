#include "cuda/sm90/gemm_table.cuh"
#include "cuda/sm90/gemm_table.hpp"

namespace resnet::cuda::sm90 {

std::span<const GemmKernel> int8_kernels() {
  using enum TileShape;
  static const GemmKernel table[] = {resident_row<Int8>(),
                                     row_of<Tile<Int8, 256, 128, 128, 4, 1>>(m256n128),
                                     row_of<Tile<Int8, 192, 128, 128, 5, 1>>(m192n128),
                                     row_of<Tile<Int8, 128, 128, 128, 3, 2>>(m128n128),
                                     row_of<Tile<Int8, 128, 64, 128, 4, 2>>(m128n64),
                                     row_of<Tile<Int8, 64, 64, 128, 4, 3>>(m64n64),
                                     split_row<SplitTile<Int8, 128, 12>>(),
                                     row_of<Tile<Int8, 256, 128, 64, 6, 1>>(m256n128),
                                     row_of<Tile<Int8, 256, 64, 64, 8, 1>>(m256n64),
                                     row_of<Tile<Int8, 128, 128, 64, 5, 2>>(m128n128),
                                     row_of<Tile<Int8, 128, 64, 64, 6, 2>>(m128n64),
                                     row_of<Tile<Int8, 64, 64, 64, 6, 3>>(m64n64),
                                     split_row<SplitTile<Int8, 64, 12>>()};
  return table;
}

}  // namespace resnet::cuda::sm90
