// global_avgpool: one number for each plane, its mean.
//
//   output[p] = (sum over i of input[p][i]) / (H*W)        input [planes][H*W], output [planes]; planes = N*C
//
// A warp owns a plane. Its lanes take every 32nd value (a line of memory at a time), each adds up its own,
// and the 32 sums meet in a tree of five shuffles: no shared memory and no barrier, because a warp's lanes
// exchange registers. The tree is the same for every plane, so are the bits.
//
//   lane   0   1   2   3  ...     at each step a lane adds what the lane 16, 8, 4, 2, 1 away holds;
//          +-+-+   +-+-+          in the end every lane holds the sum of all
//            +---+---+
//
// Bound: memory, planes * H*W * 4 bytes over the bandwidth; for one photo (ResNet-50: 2048 planes of 49) it
// is the launch.
//
//   test: ctest --preset release -R cuda_ops.AveragePool
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"
#include "cuda/stepwise/warp_sum.cuh"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kWarps = 8;  // of a block

// ---------------------------------------------------------------------------------------------------------------------

__global__ void global_avgpool_kernel(int planes, int plane, const float* __restrict__ input,
                                      float* __restrict__ output) {
  const int p = blockIdx.x * kWarps + threadIdx.y;
  if (p >= planes) return;  // whole warps leave, so the shuffles below have all their lanes
  const float* values = input + static_cast<std::int64_t>(p) * plane;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < plane; i += kWarpSize) sum += values[i];
  sum = warp_sum(sum);
  if (threadIdx.x == 0) output[p] = sum / static_cast<float>(plane);
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void global_avgpool(int planes, int plane, const float* input, float* output, cudaStream_t stream) {
  global_avgpool_kernel<<<blocks_for(planes, kWarps), dim3(kWarpSize, kWarps), 0, stream>>>(planes, plane,
                                                                                            input, output);
  check_launch("global_avgpool_kernel");
}

}  // namespace resnet::cuda::stepwise
