// softmax: logits become probabilities.
//
//   probabilities[n][c] = exp(logits[n][c] - m) / sum over j of exp(logits[n][j] - m)
//   where m = max over j of logits[n][j]
//
//   logits, probabilities [N][C]
//
// Subtracting the largest changes nothing mathematically and keeps exp() from overflowing. A warp owns a row
// and passes over it three times (largest, sum, division); 1000 classes are 4 KB, which the first-level cache
// holds.
//
// A Session ends at the logits, where the numeric contract does; this is for whoever goes on on the GPU.
//
// Bound: the launch; 8 bytes a value of memory.
//
//   test: ctest --preset release -R cuda_ops.Softmax
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"
#include "cuda/stepwise/warp_sum.cuh"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kWarps = 4;  // of a block

// ---------------------------------------------------------------------------------------------------------------------

__global__ void softmax_kernel(int n, int classes, const float* __restrict__ logits,
                               float* __restrict__ probabilities) {
  const int row = blockIdx.x * kWarps + threadIdx.y;
  if (row >= n) return;  // whole warps leave, so the shuffles below have all their lanes
  const float* in = logits + static_cast<std::int64_t>(row) * classes;
  float* out = probabilities + static_cast<std::int64_t>(row) * classes;
  float largest = -INFINITY;
  for (int c = threadIdx.x; c < classes; c += kWarpSize) largest = fmaxf(largest, in[c]);
  largest = warp_max(largest);
  float sum = 0.0f;
  for (int c = threadIdx.x; c < classes; c += kWarpSize) sum += expf(in[c] - largest);
  sum = warp_sum(sum);
  for (int c = threadIdx.x; c < classes; c += kWarpSize) out[c] = expf(in[c] - largest) / sum;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void softmax(int n, int classes, const float* logits, float* probabilities, cudaStream_t stream) {
  softmax_kernel<<<blocks_for(n, kWarps), dim3(kWarpSize, kWarps), 0, stream>>>(n, classes, logits,
                                                                                probabilities);
  check_launch("softmax_kernel");
}

}  // namespace resnet::cuda::stepwise
