// sgemm_tiled: the matrix product of a convolution, through tiles in shared memory.
//
//   C[i] = A * B[i]      A: weights, M x K = OC x (IC*KH*KW), shared by the batch
//                        B[i]: an image's columns, K x N = (IC*KH*KW) x (OH*OW)
//                        C[i]: its output, M x N, which is NCHW as it stands      all row-major fp32
//
//                    N
//               +----+----+     A block of 32 x 32 threads owns a tile of 32 x 32 of C, a thread one
//            K  |    | B# |     element of it. It walks along K in steps of 32: every thread fetches one
//               |    | ## |     element of A's tile and one of B's into shared memory, then reads a row
//               +----+----+     of the one and a column of the other: 32 multiply-adds for two loads
//        K      +----+----+     from memory, 32 times fewer than without tiles.
//     +-------+ |    |    |
//   M | A#### | |    | C# |     Shared memory: 2 * 32 * 32 * 4 = 8 KiB a block. A warp is a row of C's
//     +-------+ +----+----+     tile: its lanes read the same element of A (a broadcast) and 32
//                               neighbours of B (a bank each). No conflicts, so no padding.
//
// Sums: the 32 products of a step are added up from zero, in ascending k, and then added to the total. Chunks
// keep the rounding error of 4608 terms (the longest K) where that of 32 + 144 is.
//
// Bound: shared memory, which serves a warp one request a cycle. A warp's multiply-add takes one for B, a
// quarter of a load of four values of A, which takes two, and its part of the tiles' stores: 1.56 cycles, in
// which a multiprocessor could do six. So at most 0.16 of the fp32 peak, 10.7 TFLOP/s on an H200 (132
// multiprocessors at 1.98 GHz); layer1 at batch 64 reaches 9.0 (docs/kernels.md). Register tiling is the next
// rung.
//
//   test: ctest --preset release -R 'cuda_ops.*Gemm'
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kTile = 32;

// ---------------------------------------------------------------------------------------------------------------------

__global__ void sgemm_tiled_kernel(GemmParams p, const float* __restrict__ a, const float* __restrict__ b,
                                   float* __restrict__ c) {
  __shared__ float tile_a[kTile][kTile];  // [m][k]
  __shared__ float tile_b[kTile][kTile];  // [k][n]
  const std::int64_t image = blockIdx.z;
  b += image * p.k * p.n;
  c += image * p.m * p.n;
  const int x = threadIdx.x, y = threadIdx.y;
  const int column = blockIdx.x * kTile + x;
  const int row = blockIdx.y * kTile + y;

  float total = 0.0f;
  for (int k0 = 0; k0 < p.k; k0 += kTile) {
    // Zeros beyond the edges add nothing.
    tile_a[y][x] = row < p.m && k0 + x < p.k ? a[static_cast<std::int64_t>(row) * p.k + k0 + x] : 0.0f;
    tile_b[y][x] = column < p.n && k0 + y < p.k ? b[static_cast<std::int64_t>(k0 + y) * p.n + column] : 0.0f;
    __syncthreads();  // the tiles are complete before anyone reads them
    float chunk = 0.0f;
#pragma unroll
    for (int k = 0; k < kTile; ++k) chunk = fmaf(tile_a[y][k], tile_b[k][x], chunk);
    total += chunk;
    __syncthreads();  // everyone is done reading before the next step overwrites
  }
  if (row < p.m && column < p.n) c[static_cast<std::int64_t>(row) * p.n + column] = total;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void sgemm_tiled(const GemmParams& params, const float* a, const float* b, float* c, cudaStream_t stream) {
  const dim3 grid(blocks_for(params.n, kTile), blocks_for(params.m, kTile), params.batch);
  sgemm_tiled_kernel<<<grid, dim3(kTile, kTile), 0, stream>>>(params, a, b, c);
  check_launch("sgemm_tiled_kernel");
}

}  // namespace resnet::cuda::stepwise
