// fully_connected: the classifier, a dot product for each class.
//
//   output[n][o] = bias[o] + sum over i of weight[o][i] * input[n][i]
//
//   input [N][I], weight [O][I], bias [O], output [N][O]
//
// A warp owns an output: its lanes take every 32nd product (so both reads are whole lines), each adds up its
// own in ascending i, and warp_sum() adds the 32 sums. y of the grid is the image; the weights are read once
// for each, from the second-level cache after the first (2048 x 1000 are 8 MB).
//
// Bound: for one photo memory, O*I*4 bytes over the bandwidth (2 us for ResNet-50 on an H200); for many it
// would be a matrix product, which the fused backend makes of it.
//
//   test: ctest --preset release -R cuda_ops.FullyConnected
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"
#include "cuda/stepwise/warp_sum.cuh"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kWarps = 4;  // of a block

// ---------------------------------------------------------------------------------------------------------------------

__global__ void fully_connected_kernel(FullyConnectedParams p, const float* __restrict__ input,
                                       const float* __restrict__ weight, const float* __restrict__ bias,
                                       float* __restrict__ output) {
  const int o = blockIdx.x * kWarps + threadIdx.y;
  if (o >= p.outputs) return;  // whole warps leave, so the shuffles below have all their lanes
  const std::int64_t image = blockIdx.y;
  const float* x = input + image * p.inputs;
  const float* w = weight + static_cast<std::int64_t>(o) * p.inputs;
  float sum = 0.0f;
  for (int i = threadIdx.x; i < p.inputs; i += kWarpSize) sum = fmaf(w[i], x[i], sum);
  sum = warp_sum(sum);
  if (threadIdx.x == 0) output[image * p.outputs + o] = sum + bias[o];
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void fully_connected(const FullyConnectedParams& params, const float* input, const float* weight,
                     const float* bias, float* output, cudaStream_t stream) {
  const dim3 grid(blocks_for(params.outputs, kWarps), params.n);
  fully_connected_kernel<<<grid, dim3(kWarpSize, kWarps), 0, stream>>>(params, input, weight, bias, output);
  check_launch("fully_connected_kernel");
}

}  // namespace resnet::cuda::stepwise
