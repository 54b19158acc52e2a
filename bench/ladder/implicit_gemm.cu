// implicit_gemm: a convolution as the double-buffered product, whose right-hand matrix is never written.
//
//   output[n][oc][oh][ow] = finish(sum over kh, kw, ic of weight[oc][ic][kh][kw] *
//                                                         input[n][ic][oh*s + kh - p][ow*s + kw - p])
//
//   input [N][IC][IH][IW], output [N][OC][OH][OW], weights [KH*KW][IC to a multiple of 4][OC]; all fp32
//
// Who owns what is as in sgemm_double_buffered.cu. A column of the matrix is an output pixel, and a thread
// fetches from one column: it works out its pixel's place in the input once, at the beginning. k runs over
// the filter's taps and, within a tap, over the channels:
//
//     k        0 1 2 3   4 5 6 7   …            | IC …                        | 2*IC …
//     tap      kh=0, kw=0                       | kh=0, kw=1                  | kh=0, kw=2
//     channel  0 1 2 3   4 5 6 7   …            | 0 1 2 3   …                 | 0 1 2 3   …
//              [group ]  [group ]
//
// Four channels of a tap are a group: one address, one question whether it lies in the picture, and four
// values a plane apart. So the indices cost a tenth of an instruction a multiply-add; with k in the weights'
// own order (ic, kh, kw) each value would have an address and a question of its own. Channels are rounded up
// to four, which costs the stem (three channels) a third, and no other layer anything.
//
// What happens to a sum before it is stored is `Epilogue`: nothing, or BatchNorm, the shortcut and ReLU while
// it is in a register.
//
// Bound: instruction issue, as for the product; memory: input, weights and output, once each.
//
//   test: ctest --preset release -R 'cuda_ladder.*ImplicitGemm'
//   time: build/release/ladder
#include "cuda/check.hpp"
#include "ladder/register_tile.cuh"

namespace resnet::ladder {
namespace {

// What the kernel knows of the picture.
struct Picture {
  int ic, ih, iw;
  int ic_packed;  // rounded up to kTapGroup
  int ow, kernel, stride, padding;
};

// ---------------------------------------------------------------------------------------------------------------------

// A thread's part of b's tile, as Strip: one column, every kStep-th group of rows.
template <class Tile>
struct PictureStrip {
  static constexpr int kStep = Tile::kThreads / Tile::kN;
  static constexpr int kGroups = Tile::kK / kTapGroup / kStep;
  static_assert(Tile::kK % (kTapGroup * kStep) == 0);

  int column = threadIdx.x % Tile::kN, row = threadIdx.x / Tile::kN;
  const float* image;
  int top, left;  // where the filter lies on the picture
  struct {
    int channel, kh, kw;
  } at[kGroups];  // of the group that is loaded next
  float values[kGroups][kTapGroup];

  __device__ PictureStrip(const GemmShape& shape, const Picture& p, const float* input) {
    const int n = min(static_cast<int>(blockIdx.x) * Tile::kN + column, shape.images * shape.plane - 1);
    const int pixel = n % shape.plane;
    image = input + std::int64_t{n / shape.plane} * p.ic * p.ih * p.iw;
    top = pixel / p.ow * p.stride - p.padding;
    left = pixel % p.ow * p.stride - p.padding;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      at[g] = {(row + g * kStep) * kTapGroup, 0, 0};
      carry(p, g);
    }
  }

  // Channels beyond the last are the next tap's.
  __device__ void carry(const Picture& p, int g) {
    while (at[g].channel >= p.ic_packed) {
      at[g].channel -= p.ic_packed;
      if (++at[g].kw == p.kernel) at[g].kw = 0, ++at[g].kh;
    }
  }

  // Loads, and moves on to the next step. Zeros for what is not there: outside the picture, beyond its
  // channels, after the last tap.
  __device__ void load(const Picture& p) {
    const int plane = p.ih * p.iw;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      const int y = top + at[g].kh, x = left + at[g].kw;
      const bool inside = at[g].kh < p.kernel && y >= 0 && y < p.ih && x >= 0 && x < p.iw;
      const int channels = inside ? p.ic - at[g].channel : 0;  // that there are
      const float* from = image + (at[g].channel * plane + y * p.iw + x);
#pragma unroll
      for (int i = 0; i < kTapGroup; ++i)
        values[g][i] = i < channels ? __ldg(from + std::int64_t{i} * plane) : 0.0f;
      at[g].channel += Tile::kK;
      carry(p, g);
    }
  }

  __device__ void store(typename Tile::B& tile) const {
#pragma unroll
    for (int g = 0; g < kGroups; ++g)
#pragma unroll
      for (int i = 0; i < kTapGroup; ++i) tile[(row + g * kStep) * kTapGroup + i][column] = values[g][i];
  }
};

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kResident)
    implicit_gemm_kernel(GemmShape shape, Picture picture, const float* __restrict__ input,
                         const float* __restrict__ weights, Epilogue epilogue, float* __restrict__ output) {
  __shared__ alignas(16) typename Tile::A tile_a[2];
  __shared__ alignas(16) typename Tile::B tile_b[2];
  auto strip_a = strip_of_a<Tile>(shape, weights);
  PictureStrip<Tile> strip_b(shape, picture, input);
  const auto load = [&](int k0) {
    strip_a.load(shape.m, shape.k - k0);
    strip_b.load(picture);
  };

  typename Tile::Sums sums = {};
  load(0);
  int buffer = 0;
  for (int k0 = 0; k0 < shape.k; k0 += Tile::kK, buffer ^= 1) {
    strip_a.store(tile_a[buffer]);
    strip_b.store(tile_b[buffer]);
    __syncthreads();  // as in sgemm_double_buffered.cu
    load(k0 + Tile::kK);
    multiply_add<Tile>(tile_a[buffer], tile_b[buffer], sums);
  }
  store<Tile>(shape, epilogue, sums, output);
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void implicit_gemm(const Conv2dParams& params, const float* input, const float* weights,
                   const Epilogue& epilogue, float* output, cudaStream_t stream) {
  const GemmShape shape = implicit_shape(params);
  const Picture picture{.ic = params.ic,
                        .ih = params.ih,
                        .iw = params.iw,
                        .ic_packed = packed_channels(params.ic),
                        .ow = params.ow(),
                        .kernel = params.kernel,
                        .stride = params.stride,
                        .padding = params.padding};
  const TileChoice choice = choose_tile(shape, multiprocessors());
  with_tile(choice, [&]<class Tile>(Tile) {
    implicit_gemm_kernel<Tile><<<grid_of(shape, choice), Tile::kThreads, 0, stream>>>(
        shape, picture, input, weights, epilogue, output);
  });
  cuda::check_launch("implicit_gemm_kernel");
}

}  // namespace resnet::ladder
