// What the host knows of the implicit GEMM kernels: their parameters, and the table of the tiles there are.
#pragma once

#include "cuda/epilogue.hpp"

#include <cstddef>

#include <cuda.h>

#include <resnet/precision.hpp>

namespace resnet::cuda::sm90 {

inline constexpr int kMultiprocessors = 132;     // of an H100 or H200; with another number it is only slower
inline constexpr int kSharedLimit = 227 * 1024;  // bytes of shared memory a block of sm_90

// `out` is as the maps name it, for the blocks of a cluster, which write directly.
struct GemmParams : EpilogueParams {
  int m = 0, n = 0;                // pixels (images · oh · ow), output channels
  int oh = 1, ow = 1;              // of the output
  int stride_h = 1, stride_w = 1;  // of base pixels
  int lower_h = 0, lower_w = 0;    // base pixel of output (0, 0): minus the padding
  int filter_w = 1;                // taps are numbered row by row
  int channel_steps = 1;           // stages a tap: input channels / channels of a stage
  int steps = 1;                   // stages in all
  int images = 0;                  // distance between the planes of x, in images
  int split = 1;                   // blocks that share a tile's k (split_gemm.cuh)
};

// What split_gemm.cuh's kernel is given: one convolution, or two that do not need each other's results.
struct SplitProblem {
  CUtensorMap x, w;
  GemmParams p;
};
struct SplitProblems {
  SplitProblem problem[2];
  int first_clusters = 0;  // of gridDim.x, that compute the first
  int stages = 0;          // of the ring
  int reciprocal = 0;      // 2^16 / stages, rounded up
};

// Output pixels × output channels of a block's tile. Not every format has each.
enum class TileShape {
  m256n128,
  m192n128,
  m256n64,
  m128n128,
  m128n64,
  m64n64,
  m64n64_cluster,  // for few pixels; k may be split over the blocks of a cluster (split_gemm.cuh)
  resident,        // 3 × 3 of 64 channels, with the filter in shared memory (resident_3x3.cuh)
};

// What resident_3x3.cuh takes: so many channels in and out, and rows that fit a tile of its positions twice.
inline constexpr int kResidentChannels = 64, kResidentPositions = 128;
inline constexpr int kResidentWidth = kResidentPositions / 2 - 3;

// One kernel of the table. All sizes in bytes but those of the tile.
struct GemmKernel {
  TileShape shape{};
  const void* function = nullptr;
  int tile_m = 0, tile_n = 0;
  int row_bytes = 0;                                  // of k in a stage
  int out_row = 0;                                    // of the result's tile in shared memory
  int threads = 0;                                    // a block
  int shared_bytes = 0;                               // a block
  int blocks = 1;                                     // that a multiprocessor holds
  int stages = 0, stage_bytes = 0, least_stages = 0;  // of split_gemm.cuh: as many as a launch needs
};

// Of k in a stage: 128, or 64 where a tap has no more (conv1, and int8 layers of 64 channels).
int row_bytes_of(Precision precision, int channels);

// The kernel of a tile whose stages have such rows; find_…: null where there is none, else Error{internal}.
const GemmKernel* find_gemm_kernel(Precision precision, TileShape shape, int row_bytes);
const GemmKernel& gemm_kernel(Precision precision, TileShape shape, int row_bytes);

}  // namespace resnet::cuda::sm90
