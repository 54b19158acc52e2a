// add: the shortcut of a residual block joins its path.
//
//   output[i] = a[i] + b[i]        any shape, `count` values; output may be a or b
//
// One thread owns one value; a warp's three accesses are a 128-byte line each.
//
// Bound: memory, 12 bytes a value over the bandwidth.
//
//   test: ctest --preset release -R cuda_ops.Add
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kThreads = 256;

// ---------------------------------------------------------------------------------------------------------------------

// No __restrict__: the output may be one of the inputs.
__global__ void add_kernel(std::int64_t count, const float* a, const float* b, float* output) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) output[i] = a[i] + b[i];
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void add(std::int64_t count, const float* a, const float* b, float* output, cudaStream_t stream) {
  add_kernel<<<blocks_for(count, kThreads), kThreads, 0, stream>>>(count, a, b, output);
  check_launch("add_kernel");
}

}  // namespace resnet::cuda::stepwise
