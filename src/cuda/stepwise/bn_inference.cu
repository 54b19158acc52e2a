// bn_inference: BatchNorm with the statistics of training, a straight line for each channel.
//
//   output[n][c][i] = gamma[c] * (input[n][c][i] - mean[c]) / sqrt(var[c] + eps) + beta[c]
//
//   input, output [N][C][H*W], may be the same; gamma, beta, mean, var [C]
//
// One thread owns one value: x runs over the plane, y over channels, z over images. The channel is the
// block's, so its four parameters come from one cache line a block and stay in registers.
//
// Bound: memory, 8 bytes a value (read and written) over the bandwidth. Folded into the convolution before
// it, it costs nothing: the rung "fusion" of docs/kernels.md.
//
//   test: ctest --preset release -R cuda_ops.BatchNorm
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kThreads = 256;

// ---------------------------------------------------------------------------------------------------------------------

// No __restrict__: input and output may be one.
__global__ void bn_inference_kernel(PlaneParams p, BatchNorm bn, const float* input, float* output) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int c = blockIdx.y;
  if (i >= p.plane) return;
  const std::int64_t at = (static_cast<std::int64_t>(blockIdx.z) * p.channels + c) * p.plane + i;
  const float scale = bn.gamma[c] / sqrtf(bn.var[c] + bn.eps);
  output[at] = fmaf(scale, input[at] - bn.mean[c], bn.beta[c]);
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void bn_inference(const PlaneParams& params, const BatchNorm& bn, const float* input, float* output,
                  cudaStream_t stream) {
  const dim3 grid(blocks_for(params.plane, kThreads), params.channels, params.n);
  bn_inference_kernel<<<grid, kThreads, 0, stream>>>(params, bn, input, output);
  check_launch("bn_inference_kernel");
}

}  // namespace resnet::cuda::stepwise
