// im2col: turns a convolution into a matrix product, by writing out what each output pixel looks at.
//
//   columns[n][(ic*KH + kh)*KW + kw][oh*OW + ow] = input[n][ic][oh*s + kh - p][ow*s + kw - p]
//   and 0 where that lies outside the input
//
//   input   [N][IC][IH][IW]                 columns [N][IC*KH*KW][OH*OW]
//
// One thread writes one element of `columns`: x runs over the output's pixels, y over the matrix's rows, z
// over the images. Neighbouring threads are neighbouring pixels, so writes are coalesced, and so are reads
// for stride 1 (for stride 2 every other value of a cache line is used). No shared memory.
//
// Bound: memory. It writes KH*KW times what the convolution reads (9 times for 3x3), and the product reads
// that again: N * IC*KH*KW * OH*OW * 4 bytes written over the bandwidth. It takes six times as long, because
// each value costs several divisions by numbers the compiler does not know (docs/kernels.md). Implicit GEMM
// needs neither the bytes nor, for every value, the divisions.
//
//   test: ctest --preset release -R 'cuda_ops.*Im2col'
//   time: build/release/resnet bench --model M --backend cuda_stepwise --layers
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "cuda/stepwise/ops.hpp"

namespace resnet::cuda::stepwise {
namespace {

constexpr int kThreads = 128;

// ---------------------------------------------------------------------------------------------------------------------

__global__ void im2col_kernel(Conv2dParams p, int ow, int pixels, int rows, const float* __restrict__ input,
                              float* __restrict__ columns) {
  const int pixel = blockIdx.x * blockDim.x + threadIdx.x;
  const int row = blockIdx.y;
  if (pixel >= pixels) return;
  const int kw = row % p.kernel;
  const int kh = row / p.kernel % p.kernel;
  const int ic = row / (p.kernel * p.kernel);
  const int y = pixel / ow * p.stride + kh - p.padding;
  const int x = pixel % ow * p.stride + kw - p.padding;
  // 64 bits: a batch's columns can be more than 2^31 values.
  const std::int64_t image = blockIdx.z;
  const bool inside = y >= 0 && y < p.ih && x >= 0 && x < p.iw;
  columns[(image * rows + row) * pixels + pixel] =
      inside ? input[((image * p.ic + ic) * p.ih + y) * p.iw + x] : 0.0f;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void im2col(const Conv2dParams& params, const float* input, float* columns, cudaStream_t stream) {
  const dim3 grid(blocks_for(params.pixels(), kThreads), params.rows(), params.n);
  im2col_kernel<<<grid, kThreads, 0, stream>>>(params, params.ow(), params.pixels(), params.rows(), input,
                                               columns);
  check_launch("im2col_kernel");
}

}  // namespace resnet::cuda::stepwise
