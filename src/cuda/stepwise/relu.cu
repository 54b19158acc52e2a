// relu: what is negative becomes zero, in place.
//
//   values[i] = max(values[i], 0)        values: any shape, `count` of them; NaN stays NaN, as in PyTorch
//
// One thread owns one value; neighbours are neighbours in memory, so a warp's access is one 128-byte line.
//
// Bound: memory, 8 bytes a value over the bandwidth; the arithmetic is nothing. Hence it belongs into the
// kernel before it, which has the value in a register (rung "fusion" of docs/kernels.md).
//
//   test: ctest --preset release -R cuda_ops.Relu
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kThreads = 256;

// ---------------------------------------------------------------------------------------------------------------------

__global__ void relu_kernel(std::int64_t count, float* __restrict__ values) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  // Comparing so, instead of taking fmaxf, lets NaN through.
  if (i < count && values[i] < 0.0f) values[i] = 0.0f;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void relu(std::int64_t count, float* values, cudaStream_t stream) {
  relu_kernel<<<blocks_for(count, kThreads), kThreads, 0, stream>>>(count, values);
  check_launch("relu_kernel");
}

}  // namespace resnet::cuda::stepwise
