#include "cuda/sm90/gemm_table.cuh"
#include "cuda/sm90/gemm_table.hpp"

namespace resnet::cuda::sm90 {

std::span<const GemmKernel> fp32_kernels() {
  using enum TileShape;
  static const GemmKernel table[] = {row_of<Tile<Single, 192, 128, 128, 2, 1>>(m192n128),
                                     row_of<Tile<Single, 128, 128, 128, 3, 1>>(m128n128),
                                     row_of<Tile<Single, 128, 64, 128, 2, 2>>(m128n64),
                                     row_of<Tile<Single, 64, 64, 128, 3, 2>>(m64n64),
                                     split_row<SplitTile<Single, 128, 7>>(),
                                     row_of<Tile<Single, 128, 128, 64, 3, 1>>(m128n128),
                                     row_of<Tile<Single, 128, 64, 64, 3, 2>>(m128n64),
                                     row_of<Tile<Single, 64, 64, 64, 6, 2>>(m64n64),
                                     split_row<SplitTile<Single, 64, 12>>()};
  return table;
}

}  // namespace resnet::cuda::sm90
