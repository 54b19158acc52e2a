// Rows of the table of kernels, for the files that instantiate them.
#pragma once

#include "cuda/sm90/implicit_gemm.cuh"
#include "cuda/sm90/resident_3x3.cuh"
#include "cuda/sm90/split_gemm.cuh"

namespace resnet::cuda::sm90 {

template <class T>
GemmKernel row_of(TileShape shape) {
  return {.shape = shape,
          .function = reinterpret_cast<const void*>(&implicit_gemm_kernel<T>),
          .tile_m = T::kTileM,
          .tile_n = T::kTileN,
          .row_bytes = T::kRowBytes,
          .out_row = T::kOutRow,
          .threads = T::kThreads,
          .shared_bytes = T::kShared,
          .blocks = T::kBlocks};
}

template <class T>
GemmKernel split_row() {
  return {.shape = TileShape::m64n64_cluster,
          .function = reinterpret_cast<const void*>(&split_gemm_kernel<T>),
          .tile_m = T::kTileM,
          .tile_n = T::kTileN,
          .row_bytes = T::kRowBytes,
          .threads = T::kThreads,
          .shared_bytes = T::kShared,
          .stages = T::kStages,
          .stage_bytes = T::kStage,
          .least_stages = T::kLeastStages};
}

template <class Format>
GemmKernel resident_row() {
  using T = Resident<Format>;
  return {.shape = TileShape::resident,
          .function = reinterpret_cast<const void*>(&resident_3x3_kernel<T>),
          .tile_m = T::kPositions,
          .tile_n = T::kChannels,
          .row_bytes = T::kRow,
          .out_row = T::kRow,
          .threads = T::kThreads,
          .shared_bytes = T::kShared,
          .blocks = 1};
}

}  // namespace resnet::cuda::sm90
