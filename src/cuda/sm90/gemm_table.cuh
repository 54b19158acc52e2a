// Rows of the table of kernels, for the files that instantiate them.
#pragma once

#include "cuda/sm90/implicit_gemm.cuh"

namespace resnet::cuda::sm90 {

template <class T>
GemmKernel row_of() {
  return {.function = reinterpret_cast<const void*>(&implicit_gemm_kernel<T>),
          .tile_m = T::kTileM,
          .tile_n = T::kTileN,
          .row_bytes = T::kRowBytes,
          .out_row = T::kOutRow,
          .threads = T::kThreads,
          .shared_bytes = T::kShared,
          .blocks = T::kBlocks,
          .cluster = T::kCluster};
}

}  // namespace resnet::cuda::sm90
