// maxpool2d: the largest value of each window.
//
//   output[p][oh][ow] = max over kh, kw of input[p][oh*s + kh - pad][ow*s + kw - pad], inside the input only
//
//   input [planes][IH][IW], output [planes][OH][OW]; planes = N*C. ResNet's: 3x3, stride 2, padding 1.
//
// One thread owns one output value: x runs over its plane, y and z over the planes (y alone would end at
// 65535). A window shares a column with its neighbour and a row with the one below; the first-level cache
// serves those.
//
// Bound: memory, (IH*IW + OH*OW) * 4 bytes a plane over the bandwidth.
//
//   test: ctest --preset release -R cuda_ops.MaxPool
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kThreads = 128;
constexpr int kPlanesInY = 1024;

// ---------------------------------------------------------------------------------------------------------------------

__global__ void maxpool2d_kernel(MaxPoolParams p, int oh, int ow, const float* __restrict__ input,
                                 float* __restrict__ output) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const std::int64_t plane = static_cast<std::int64_t>(blockIdx.z) * kPlanesInY + blockIdx.y;
  if (i >= oh * ow || plane >= p.planes) return;
  const float* from = input + plane * p.ih * p.iw;
  const int top = i / ow * p.stride - p.padding;
  const int left = i % ow * p.stride - p.padding;
  float largest = -INFINITY;  // so that padding never wins
  for (int y = max(top, 0); y < min(top + p.kernel, p.ih); ++y) {
    for (int x = max(left, 0); x < min(left + p.kernel, p.iw); ++x) {
      const float value = from[y * p.iw + x];
      if (value > largest || isnan(value)) largest = value;  // nothing is larger than a NaN, so it stays
    }
  }
  output[plane * oh * ow + i] = largest;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void maxpool2d(const MaxPoolParams& params, const float* input, float* output, cudaStream_t stream) {
  const int oh = params.oh(), ow = params.ow();
  const dim3 grid(blocks_for(oh * ow, kThreads), kPlanesInY, blocks_for(params.planes, kPlanesInY));
  maxpool2d_kernel<<<grid, kThreads, 0, stream>>>(params, oh, ow, input, output);
  check_launch("maxpool2d_kernel");
}

}  // namespace resnet::cuda::stepwise
