// conv1 (7 × 7, stride 2), bn1, relu and maxpool (3 × 3, stride 2) in one kernel: what lies between, four
// times the result's size, never leaves the multiprocessor.
//
//   c[r][ow][oc] = relu(scale · sum over kh, kw, ic of x[2r − 3 + kh][2ow − 3 + kw][ic] · w[oc][ic][kh][kw] +
//   shift) y[p][q][oc]  = max of c[2p − 1 … 2p + 1][2q − 1 … 2q + 1][oc]
//
// A block walks down some rows of the result, a row a step. Four warpgroups work at the same time, each on
// another step's data, and meet once a step:
//
//   0, 1   two more rows of conv1's output on the tensor cores    (step s: rows 2s, 2s + 1 of the block's)
//   2      four more rows of the picture into shared memory       (what step s + 1 adds)
//   3      the max of three rows that are complete                (row s − 2 of the block's result)
//
// The picture lies in shared memory as pixels of 4 elements (int8: 8); two neighbouring pixels are 16 bytes,
// a unit, and an output pixel's window begins one unit after that of the pixel to its left:
//
//   unit:      0   1   2   3   4   5 …          8 rows of A, 16 bytes of k each, are 8 neighbouring units;
//   ow = 0:   [0   1   2   3]                   the next 16 bytes of k begin one unit later
//   ow = 1:       [1   2   3   4]
//
// Without a swizzle the tensor core reads A as core matrices of 8 rows × 16 bytes, 128 bytes in one piece,
// wherever its descriptor says. Here they overlap: SBO = 8 units to the next 8 pixels, LBO = 1 unit to the
// next 16 bytes of k. So the windows are never written out.
//
// Order of additions, and so the bits, are those of conv1 alone (implicit_gemm.cuh). For formats of one
// plane: in fp32 the rings would not fit. Bound for large batches: the tensor core, 110 µs of an H200 for 256
// pictures of 224 × 224 in fp16. Test: ctest -R cuda_precision; time: resnet bench --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/sm90/arithmetic.cuh"
#include "cuda/sm90/implicit_gemm.hpp"
#include "cuda/sm90/stem_pool.hpp"

#include <algorithm>

namespace resnet::cuda::sm90 {
namespace {

constexpr int kFilter = 7, kChannels = 64;
constexpr int kUnit = 16;                                  // bytes: two pixels
constexpr int kRowUnits = 4;                               // of k: a row of the filter, eight pixels
constexpr int kWeightRow = kRowUnits * kChannels * kUnit;  // bytes of a row of the filter
constexpr int kWeights = kFilter * kWeightRow;             // bytes
constexpr int kGroup = 128, kBlock = 6 * kGroup;           // threads
constexpr int kPictureRing = 16;                           // rows: 9 that a step reads, 4 that are loaded
constexpr int kConvRing = 6;  // rows: 3 that are pooled, 1 for later, 2 being made
[[maybe_unused]] constexpr int kFirstRows = 9,
                               kNextRows = 4;  // of the picture, before the first step and in each

struct Geometry {
  int h, w;    // of the picture
  int ch, cw;  // of conv1's output
  int oh, ow;  // of the result
  int rows;    // of the result a block
  int units;   // of a row in shared memory: whole tiles may be read past the last pixel

  __host__ __device__ int picture_row() const { return units * kUnit; }  // bytes
  __host__ __device__ int conv_row(int element_bytes) const { return cw * kChannels * element_bytes; }
  __host__ __device__ int blocks_an_image() const { return (oh + rows - 1) / rows; }
  int shared(int element_bytes) const {
    return 128 + kWeights + kPictureRing * picture_row() + kConvRing * conv_row(element_bytes) + 8;
  }
};

Geometry geometry_of(int h, int w) {
  Geometry g{};
  g.h = h, g.w = w;
  g.ch = stem_side(h), g.cw = stem_side(w);
  g.oh = stem_side(g.ch), g.ow = stem_side(g.cw);
  g.rows = g.oh;
  g.units = std::max(g.cw, 64) + 8;
  return g;
}

// Rows a block so that the blocks' rounds over the multiprocessors take the fewest steps; a block needs three
// more than it has rows.
int rows_a_block(const Geometry& geometry, int images) {
  Geometry g = geometry;
  int best = 1, fewest = 0;
  for (g.rows = 1; g.rows <= g.oh; ++g.rows) {
    const int rounds = (images * g.blocks_an_image() + kMultiprocessors - 1) / kMultiprocessors;
    const int steps = rounds * (g.rows + 3);
    if (fewest == 0 || steps < fewest) best = g.rows, fewest = steps;
  }
  return best;
}

// Core matrices without a swizzle; strides in bytes.
[[maybe_unused]] __device__ __forceinline__ std::uint64_t core_matrices(std::uint32_t address, int k_stride,
                                                                        int row_stride) {
  return (static_cast<std::uint64_t>(row_stride >> 4) << 32) |
         (static_cast<std::uint64_t>(k_stride >> 4) << 16) | ((address & 0x3FFFF) >> 4);
}

// Rows [first, first + count) of those the block needs into the ring, as units, zeros (int8: the pixel that
// stands for them) around the picture; row 0 lies at y0 of the picture. By `warps` warps, 32 pixels each a
// time; what a thread loads of kAtOnce of them is all on its way before the first is used.
template <class Format>
__device__ __forceinline__ void load_picture(const float* picture, const Geometry& g, const PixelRule& rule,
                                             int y0, int first, int count, int warp, int warps,
                                             std::byte* ring) {
  using Element = typename Format::Element;
  constexpr int kElements = sizeof(Element) == 1 ? 8 : 4, kAtOnce = 4;
  const int pixels = g.units * 2, lane = static_cast<int>(threadIdx.x) % 32, plane = g.h * g.w;
  const int pieces_a_row = (pixels + 31) / 32, pieces = count * pieces_a_row;
  for (int piece = warp; piece < pieces; piece += kAtOnce * warps) {
    float values[kAtOnce][3];
    const auto place = [&](int k, int& row, int& i) {
      const int mine = piece + k * warps;
      row = first + mine / pieces_a_row;
      i = mine % pieces_a_row * 32 + lane;
      return mine < pieces && i < pixels;
    };
    const auto in_picture = [&](int row, int i) {
      return y0 + row >= 0 && y0 + row < g.h && i >= 3 && i < g.w + 3;
    };
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      int row, i;
      const bool inside = place(k, row, i) && in_picture(row, i);
      const float* from = picture + static_cast<std::ptrdiff_t>(y0 + row) * g.w + i - 3;
#pragma unroll
      for (int c = 0; c < 3; ++c) values[k][c] = inside ? from[c * plane] : 0.0f;
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      int row, i;
      if (!place(k, row, i)) continue;
      Pack<Element, kElements> pack = {};
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        if constexpr (sizeof(Element) == 1) {
          pack.e[c] = in_picture(row, i) ? pixel_of(values[k][c], rule.mean[c], rule.std[c]) : rule.centre[c];
        } else {
          pack.e[c] = Format::narrow(values[k][c]);
        }
      }
      reinterpret_cast<Pack<Element, kElements>*>(ring + row % kPictureRing * g.picture_row())[i] = pack;
    }
  }
}

// Byte of a pixel's channel in a row of conv1's output: groups of 16 bytes change places, so that neither the
// writes (8 pixels × 4 threads) nor the reads of the pool meet in a bank.
template <class Element>
__device__ __forceinline__ int conv_byte(int pixel, int channel) {
  constexpr int kRow = kChannels * sizeof(Element);
  const int byte = channel * static_cast<int>(sizeof(Element));
  return pixel * kRow + (byte ^ (pixel % (kRow / 16) * 16));
}

// Row i of the block's conv1 output, 64 pixels a time: the tiles that are left to this warpgroup, every
// second one.
template <class Format>
[[maybe_unused]] __device__ __forceinline__ void convolve_row(const Geometry& g, const GemmParams& p, int i,
                                                              int half_of_tiles, std::uint32_t picture,
                                                              std::uint32_t weights, std::byte* to) {
  using Element = typename Format::Element;
  const int thread = static_cast<int>(threadIdx.x) % kGroup;
  for (int first = 64 * half_of_tiles; first < g.cw; first += 128) {
    // The last tile is moved left rather than cut: what it shares with the one before comes out the same.
    const int pixel = max(min(first, g.cw - 64), 0);
    typename Format::Sum sum[32];
    wgmma_fence();
#pragma unroll
    for (int kh = 0; kh < kFilter; ++kh) {
      const std::uint32_t a = picture + (2 * i + kh) % kPictureRing * g.picture_row() + pixel * kUnit;
#pragma unroll
      for (int step = 0; step < 2; ++step) {
        multiply<Format>(sum, core_matrices(a + step * 2 * kUnit, kUnit, 8 * kUnit),
                         core_matrices(weights + kh * kWeightRow + step * 2 * kChannels * kUnit,
                                       kChannels * kUnit, 8 * kUnit),
                         kh + step > 0);
      }
    }
    wgmma_commit();
    wgmma_wait<0>();
#pragma unroll
    for (int j = 0; j < kChannels / 8; ++j) {
      const int channel = channel_of<Element>(j, thread % 4);
      const Affine<2> affine = load_affine<2>(p, channel);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int x = pixel + thread / 32 * 16 + thread % 32 / 4 + 8 * half;
        const typename Format::Sum pair[2] = {sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]};
        Pack<Element, 2> pack[1];
        finish_values<Format, false>(pair, p, affine, pack);
        if (x < g.cw) *reinterpret_cast<Pack<Element, 2>*>(to + conv_byte<Element>(x, channel)) = pack[0];
      }
    }
  }
}

// One row of the result by the last two warpgroups: rows 2q, 2q + 1 and 2q + 2 of the block's conv1 output,
// of which row i is row c0 + i of the picture's.
template <class Format>
__device__ __forceinline__ void pool_row(const Geometry& g, int q, int c0, const std::byte* conv,
                                         typename Format::Element* out) {
  using Element = typename Format::Element;
  constexpr int kVector = 16 / sizeof(Element), kVectors = kChannels / kVector;
  using Vector = Pack<Element, kVector>;
  for (int i = static_cast<int>(threadIdx.x) - 4 * kGroup; i < g.ow * kVectors; i += 2 * kGroup) {
    const int x = i / kVectors * 2, channel = i % kVectors * kVector;
    const auto at = [&](int row, int pixel) {
      return reinterpret_cast<const Vector*>(conv + row % kConvRing * g.conv_row(sizeof(Element)) +
                                             conv_byte<Element>(pixel, channel));
    };
    Vector best[1] = {*at(2 * q + 1, x)};  // a window's centre is always a pixel
#pragma unroll
    for (int row = 0; row < 3; ++row) {
      const int c = c0 + 2 * q + row;
      if (c < 0 || c >= g.ch) continue;
#pragma unroll
      for (int pixel = x - 1; pixel <= x + 1; ++pixel) {
        if (pixel < 0 || pixel >= g.cw) continue;
        const Vector here[1] = {*at(2 * q + row, pixel)};
        keep_greatest<Format, kVector>(best, here);
      }
    }
    reinterpret_cast<Vector*>(out)[i] = best[0];
  }
}

template <class Format>
__global__ void __launch_bounds__(kBlock, 1)
    stem_pool_kernel(const float* __restrict__ input, const std::byte* __restrict__ packed, GemmParams p,
                     PixelRule rule, Geometry g, typename Format::Element* __restrict__ out) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ std::byte shared_memory[];
  std::byte* shared = shared_memory + (128 - shared_address(shared_memory) % 128) % 128;
  std::byte* picture = shared + kWeights;
  std::byte* conv = picture + kPictureRing * g.picture_row();
  const int conv_row = g.conv_row(sizeof(typename Format::Element));
  const std::uint32_t arrived = shared_address(conv + kConvRing * conv_row);
  const int image = static_cast<int>(blockIdx.x) / g.blocks_an_image();
  const int first = static_cast<int>(blockIdx.x) % g.blocks_an_image() * g.rows,
            rows = min(g.rows, g.oh - first);
  const int c0 = 2 * first - 1,
            y0 = 2 * c0 - 3;  // of the block's first rows of conv1's output and of the picture
  const int group = static_cast<int>(threadIdx.x) / kGroup, warp = static_cast<int>(threadIdx.x) / 32;
  const float* from = input + static_cast<std::size_t>(image) * 3 * static_cast<std::size_t>(g.h) * g.w;
  const auto row_of_result = static_cast<std::size_t>(g.ow) * kChannels;

  if (threadIdx.x == 0) {
    barrier_init(arrived, 1);
    fence_barrier_init();
    barrier_arrive_expect(arrived, kWeights);
    load_bytes(shared_address(shared), packed, kWeights, arrived);
  }
  launch_dependents();
  wait_for_prerequisites();
  load_picture<Format>(from, g, rule, y0, 0, kFirstRows, warp, kBlock / 32, picture);
  fence_async_proxy();
  __syncthreads();
  barrier_wait(arrived, 0);

  for (int s = 0; s < rows + 2; ++s) {
    if (group < 4) {
      const int i = 2 * s + group / 2, c = c0 + i;
      if (i <= 2 * rows && c >= 0 && c < g.ch) {
        convolve_row<Format>(g, p, i, group % 2, shared_address(picture), shared_address(shared),
                             conv + i % kConvRing * conv_row);
      }
    } else {
      if (s < rows) {
        load_picture<Format>(from, g, rule, y0, kFirstRows + kNextRows * s, kNextRows, warp - 16, 8, picture);
        fence_async_proxy();
      }
      if (s >= 2) {
        const std::size_t row = static_cast<std::size_t>(image) * g.oh + first + s - 2;
        pool_row<Format>(g, s - 2, c0, conv, out + row * row_of_result);
      }
    }
    __syncthreads();
  }
#endif
}

}  // namespace

bool stem_pool_fits(Precision precision, int width) {
  return planes_of(precision) == 1 &&
         geometry_of(1, width).shared(element_bytes_of(precision)) <= kSharedLimit;
}

void stem_pool(Precision precision, const Stem& stem, const float* input, int h, int w, const Activation& out,
               cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    if constexpr (Format::kPlanes == 1) {
      Geometry g = geometry_of(h, w);
      g.rows = rows_a_block(g, out.n);
      GemmParams params;
      params.scale = stem.conv.scale.data();
      params.shift = stem.conv.shift.data();
      params.relu = true;
      params.low = 0, params.high = 255;
      const auto kernel = stem_pool_kernel<Format>;
      const int shared = g.shared(element_bytes_of(precision));
      RESNET_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
      cudaLaunchAttribute attribute{};
      attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      attribute.val.programmaticStreamSerializationAllowed = 1;
      cudaLaunchConfig_t config{};
      config.gridDim = dim3(static_cast<unsigned>(out.n * g.blocks_an_image()));
      config.blockDim = dim3(kBlock);
      config.dynamicSmemBytes = static_cast<std::size_t>(shared);
      config.stream = stream;
      config.attrs = &attribute;
      config.numAttrs = 1;
      const std::byte* weights = stem.windows.data();
      RESNET_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, input, weights, params, stem.pixels, g,
                                           static_cast<typename Format::Element*>(out.data)));
    }
  });
}

}  // namespace resnet::cuda::sm90
