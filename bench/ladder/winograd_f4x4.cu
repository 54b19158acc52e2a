// winograd_f4x4: 3x3 convolutions of stride 1 with a quarter of the multiplications.
//
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A        for each tile of 4 x 4 outputs Y, from 6 x 6 inputs d
//   (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015)
//
//   input [N][IC][IH][IW], output [N][OC][IH][IW]; padding 1; all fp32
//   weights U [36][IC][OC], transformed V [36][IC][tiles], products M [36][OC][tiles]
//
// Multiplying polynomials by evaluating them: d and g are taken at six points, multiplied point by point, and
// Y is read off. The points are 0, ±√2, ±√½ and ∞. With M(x) = x (x² − 2)(x² − ½) the rows of Bᵀ are the
// coefficients of M(x)/(x − p), and of M for ∞; those of G are (1, p, p²)/M'(p); those of Aᵀ the powers:
//
//        | 1    0   −5/2    0   1  0 |         |   1      0     0   |
//        | 0  −√½   −½     √2   1  0 |         |  1/6   √2/6   1/3  |         | 1   1    1    1    1   0 |
//   Bᵀ = | 0   √½   −½    −√2   1  0 |     G = |  1/6  −√2/6   1/3  |    Aᵀ = | 0  √2  −√2   √½  −√½   0 |
//        | 0  −√2   −2     √½   1  0 |         | −2/3  −√2/3  −1/3  |         | 0   2    2    ½    ½   0 |
//        | 0   √2   −2    −√½   1  0 |         | −2/3   √2/3  −1/3  |         | 0 2√2 −2√2  √½/2 −√½/2  1 |
//        | 0    1    0   −5/2   0  1 |         |   0      0     1   |
//
// The points come as reciprocals, so every coefficient is near 1, and with it the rounding error: that of the
// direct sum. The points 0, ±1, ±2 need no roots, have coefficients up to 8, and lose a digit.
//
// Three launches: a thread transforms one tile of one channel, in registers; 36 products, one a point, by
// sgemm_double_buffered; a thread takes one tile of one channel back and finishes it (`Epilogue`).
// Neighbouring threads are neighbouring tiles, so V and M are read and written by whole lines.
//
// Bound: the products' arithmetic, 36 multiply-adds instead of 144 a tile and pair of channels; the
// transforms' bytes: V and M are 36/16 of the input and the output, each written and read again.
//
//   test: ctest --preset release -R 'cuda_ladder.*Winograd'
//   time: build/release/ladder
#include "cuda/check.hpp"
#include "cuda/stepwise/launch.hpp"
#include "ladder/register_tile.cuh"

namespace resnet::ladder {
namespace {

constexpr int kOut = 4, kIn = 6;  // sides of a tile
constexpr int kThreads = 128;
constexpr float kRoot2 = 1.41421356237309504880f, kRootHalf = 0.70710678118654752440f;

// Tiles of the batch: those of a picture row by row, picture after picture.
struct Tiling {
  int channels, height, width;
  int across, down;  // tiles of a picture
  int tiles;         // of all

  Tiling(const Conv2dParams& p, int c)
      : channels(c),
        height(p.ih),
        width(p.iw),
        across((p.iw + kOut - 1) / kOut),
        down((p.ih + kOut - 1) / kOut),
        tiles(winograd_tiles(p)) {}
};

// ---------------------------------------------------------------------------------------------------------------------

// Bᵀ d for one column of six, `step` apart, in place.
__device__ void transform_input(float* d, int step) {
  const float d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const float even_a = fmaf(-0.5f, d2, d4), odd_a = kRoot2 * fmaf(-0.5f, d1, d3);
  const float even_b = fmaf(-2.0f, d2, d4), odd_b = kRootHalf * fmaf(-2.0f, d1, d3);
  d[0] = fmaf(-2.5f, d2, d0 + d4);
  d[step] = even_a + odd_a;
  d[2 * step] = even_a - odd_a;
  d[3 * step] = even_b + odd_b;
  d[4 * step] = even_b - odd_b;
  d[5 * step] = fmaf(-2.5f, d3, d1 + d5);
}

// Aᵀ m for one column of six, `step` apart, into its first four.
__device__ void transform_output(float* m, int step) {
  const float m0 = m[0], m5 = m[5 * step];
  const float sum_a = m[step] + m[2 * step], difference_a = m[step] - m[2 * step];
  const float sum_b = m[3 * step] + m[4 * step], difference_b = m[3 * step] - m[4 * step];
  m[0] = m0 + (sum_a + sum_b);
  m[step] = fmaf(kRoot2, difference_a, kRootHalf * difference_b);
  m[2 * step] = fmaf(2.0f, sum_a, 0.5f * sum_b);
  m[3 * step] = fmaf(2.0f * kRoot2, difference_a, fmaf(0.5f * kRootHalf, difference_b, m5));
}

__global__ void __launch_bounds__(kThreads)
    winograd_input_kernel(Tiling t, const float* __restrict__ input, float* __restrict__ transformed) {
  const int tile = blockIdx.x * kThreads + threadIdx.x, channel = blockIdx.y;
  if (tile >= t.tiles) return;
  const int of_picture = tile % (t.across * t.down), image = tile / (t.across * t.down);
  const int top = of_picture / t.across * kOut - 1, left = of_picture % t.across * kOut - 1;
  const float* from = input + (std::int64_t{image} * t.channels + channel) * t.height * t.width;
  float d[kIn][kIn];
#pragma unroll
  for (int y = 0; y < kIn; ++y)
#pragma unroll
    for (int x = 0; x < kIn; ++x) {
      const int row = top + y, column = left + x;
      const bool inside = row >= 0 && row < t.height && column >= 0 && column < t.width;
      d[y][x] = inside ? __ldg(from + row * t.width + column) : 0.0f;
    }
#pragma unroll
  for (int x = 0; x < kIn; ++x) transform_input(&d[0][x], kIn);
#pragma unroll
  for (int y = 0; y < kIn; ++y) transform_input(d[y], 1);
  float* to = transformed + std::int64_t{channel} * t.tiles + tile;
#pragma unroll
  for (int point = 0; point < kWinogradPoints; ++point)
    to[std::int64_t{point} * t.channels * t.tiles] = d[point / kIn][point % kIn];
}

__global__ void __launch_bounds__(kThreads)
    winograd_output_kernel(Tiling t, const float* __restrict__ products, Epilogue epilogue,
                           float* __restrict__ output) {
  const int tile = blockIdx.x * kThreads + threadIdx.x, channel = blockIdx.y;
  if (tile >= t.tiles) return;
  const float* from = products + std::int64_t{channel} * t.tiles + tile;
  float m[kIn][kIn];
#pragma unroll
  for (int point = 0; point < kWinogradPoints; ++point)
    m[point / kIn][point % kIn] = __ldg(from + std::int64_t{point} * t.channels * t.tiles);
#pragma unroll
  for (int x = 0; x < kIn; ++x) transform_output(&m[0][x], kIn);
#pragma unroll
  for (int y = 0; y < kOut; ++y) transform_output(m[y], 1);
  const int of_picture = tile % (t.across * t.down), image = tile / (t.across * t.down);
  const int top = of_picture / t.across * kOut, left = of_picture % t.across * kOut;
  const std::int64_t plane = (std::int64_t{image} * t.channels + channel) * t.height * t.width;
#pragma unroll
  for (int y = 0; y < kOut; ++y)
#pragma unroll
    for (int x = 0; x < kOut; ++x) {
      if (top + y >= t.height || left + x >= t.width) continue;
      const std::int64_t at = plane + (top + y) * t.width + left + x;
      const float residual = epilogue.residual == nullptr ? 0.0f : __ldg(epilogue.residual + at);
      output[at] = finish(epilogue, channel, m[y][x], residual);
    }
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void winograd_input(const Conv2dParams& params, const float* input, float* transformed, cudaStream_t stream) {
  const Tiling tiling(params, params.ic);
  const dim3 grid(cuda::stepwise::blocks_for(tiling.tiles, kThreads), params.ic);
  winograd_input_kernel<<<grid, kThreads, 0, stream>>>(tiling, input, transformed);
  cuda::check_launch("winograd_input_kernel");
}

void winograd_output(const Conv2dParams& params, const float* products, const Epilogue& epilogue,
                     float* output, cudaStream_t stream) {
  const Tiling tiling(params, params.oc);
  const dim3 grid(cuda::stepwise::blocks_for(tiling.tiles, kThreads), params.oc);
  winograd_output_kernel<<<grid, kThreads, 0, stream>>>(tiling, products, epilogue, output);
  cuda::check_launch("winograd_output_kernel");
}

}  // namespace resnet::ladder
