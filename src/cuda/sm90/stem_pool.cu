// conv1 (7 × 7, stride 2), bn1, relu and maxpool (3 × 3, stride 2) in one kernel: what lies between, four
// times the result's size, never leaves the multiprocessor.
//
//   c[r][ow][oc] = relu(scale · sum over kh, kw, ic of x[2r − 3 + kh][2ow − 3 + kw][ic] · w[oc][ic][kh][kw] +
//   shift) y[p][q][oc]  = max of c[2p − 1 … 2p + 1][2q − 1 … 2q + 1][oc]
//
// A block owns one row of the result: three rows of conv1's output, eleven of the picture. Its threads write
// those as pixels of 4 elements (int8: 8) into shared memory; two neighbouring pixels are 16 bytes, a unit,
// and an output pixel's window begins one unit after that of the pixel to its left:
//
//   unit:      0   1   2   3   4   5 …          8 rows of A, 16 bytes of k each, are 8 neighbouring units;
//   ow = 0:   [0   1   2   3]                   the next 16 bytes of k begin one unit later
//   ow = 1:       [1   2   3   4]
//
// Without a swizzle the tensor core reads A as core matrices of 8 rows × 16 bytes, 128 bytes in one piece,
// wherever its descriptor says. Here they overlap: SBO = 8 units to the next 8 pixels, LBO = 1 unit to the
// next 16 bytes of k. So the windows are never written out. A warpgroup computes one row, 64 pixels a time.
//
// Order of additions, and so the bits, are those of conv1 alone (implicit_gemm.cuh): a stage is a row of the
// filter. Bound for large batches: the tensor core (1.5 times the products, for every row is computed for one
// or two results), 166 µs of an H200 for 256 pictures of 224 × 224 in fp16. Test: ctest -R cuda; time: resnet
// bench --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/sm90/implicit_gemm.cuh"
#include "cuda/sm90/stem_pool.hpp"

#include <algorithm>

namespace resnet::cuda::sm90 {
namespace {

constexpr int kFilter = 7, kChannels = 64, kRows = 3, kInputRows = 2 * kRows + kFilter - 2;
constexpr int kGroups = kRows, kBlock = kGroups * 128;
constexpr int kUnit = 16;                                  // bytes: two pixels
constexpr int kRowUnits = 4;                               // of k: a row of the filter, eight pixels
constexpr int kWeightRow = kRowUnits * kChannels * kUnit;  // bytes of a row of the filter
constexpr int kWeights = kFilter * kWeightRow;             // bytes of a plane

struct Geometry {
  int h, w;    // of the picture
  int ch, cw;  // of conv1's output
  int oh, ow;  // of the result
  int units;   // of a row in shared memory: whole tiles may be read past the last pixel

  __host__ __device__ int input_plane() const { return kInputRows * units * kUnit; }
  template <class Format>
  __host__ __device__ int conv_row() const {  // of one plane
    return cw * kChannels * static_cast<int>(sizeof(typename Format::Element));
  }
  template <class Format>
  __host__ __device__ int shared() const {
    return Format::kPlanes * (kWeights + input_plane() + kRows * conv_row<Format>()) + 128 + 8;
  }
};

Geometry geometry_of(int h, int w) {
  const auto halved = [](int side) { return (side - 1) / 2 + 1; };
  Geometry g{};
  g.h = h, g.w = w;
  g.ch = halved(h), g.cw = halved(w);
  g.oh = halved(g.ch), g.ow = halved(g.cw);
  g.units = std::max(g.cw, 64) + 8;
  return g;
}

// Core matrices without a swizzle; strides in bytes.
[[maybe_unused]] __device__ __forceinline__ std::uint64_t core_matrices(std::uint32_t address, int k_stride,
                                                                        int row_stride) {
  return (static_cast<std::uint64_t>(row_stride >> 4) << 32) |
         (static_cast<std::uint64_t>(k_stride >> 4) << 16) | ((address & 0x3FFFF) >> 4);
}

// The picture's rows from `first` on, as units, zeros (int8: the pixel that stands for them) around it.
template <class Format>
__device__ __forceinline__ void load_picture(const float* input, const Geometry& g, const PixelRule& rule,
                                             int image, int first, std::byte* to) {
  using Element = typename Format::Element;
  constexpr int kElements = sizeof(Element) == 1 ? 8 : 4;
  const int pixels = g.units * 2, warp = static_cast<int>(threadIdx.x) / 32,
            lane = static_cast<int>(threadIdx.x) % 32;
  const int plane = g.h * g.w;
  const float* picture = input + static_cast<std::size_t>(image) * 3 * static_cast<std::size_t>(plane);
  for (int r = warp; r < kInputRows; r += kBlock / 32) {  // a warp a row
    const int y = first + r;
    const float* line = picture + static_cast<std::ptrdiff_t>(y) * g.w - 3;
    const bool row_inside = y >= 0 && y < g.h;
#pragma unroll 8
    for (int i = lane; i < pixels; i += 32) {
      const bool inside = row_inside && i >= 3 && i < g.w + 3;
      Pack<Element, kElements> pack[Format::kPlanes] = {};
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        const float v = inside ? line[c * plane + i] : 0.0f;
        if constexpr (sizeof(Element) == 1) {
          pack[0].e[c] = inside ? pixel_of(v, rule.mean[c], rule.std[c]) : rule.centre[c];
        } else if constexpr (Format::kPlanes == 2) {
          split(v, pack[0].e[c], pack[1].e[c]);
        } else {
          pack[0].e[c] = Format::narrow(v);
        }
      }
#pragma unroll
      for (int p = 0; p < Format::kPlanes; ++p)
        reinterpret_cast<Pack<Element, kElements>*>(to + p * g.input_plane())[r * pixels + i] = pack[p];
    }
  }
}

// Sums of 64 pixels × 64 channels. a: the first pixel's window in the first of the filter's rows.
template <class Format>
__device__ __forceinline__ void multiply_windows(typename Format::Sum (&sum)[32], std::uint32_t a,
                                                 std::uint32_t weights, const Geometry& g) {
  const int row = g.units * kUnit;
  const auto of_a = [&](int kh, int step, int plane) {
    return core_matrices(a + plane * g.input_plane() + kh * row + step * 2 * kUnit, kUnit, 8 * kUnit);
  };
  const auto of_w = [&](int kh, int step, int plane) {
    return core_matrices(weights + plane * kWeights + kh * kWeightRow + step * 2 * kChannels * kUnit,
                         kChannels * kUnit, 8 * kUnit);
  };
  if constexpr (Format::kPlanes == 1) {
    wgmma_fence();
#pragma unroll
    for (int kh = 0; kh < kFilter; ++kh) {
#pragma unroll
      for (int step = 0; step < 2; ++step)
        multiply<Format>(sum, of_a(kh, step, 0), of_w(kh, step, 0), kh + step > 0);
    }
    wgmma_commit();
    wgmma_wait<0>();
  } else {
#pragma unroll
    for (int i = 0; i < 32; ++i) sum[i] = 0;
    for (int kh = 0; kh < kFilter; ++kh) {
      float part[32];
      wgmma_fence();
#pragma unroll
      for (int step = 0; step < 2; ++step) {
        multiply<Format>(part, of_a(kh, step, 1), of_w(kh, step, 0), step);
        multiply<Format>(part, of_a(kh, step, 0), of_w(kh, step, 1), 1);
        multiply<Format>(part, of_a(kh, step, 0), of_w(kh, step, 0), 1);
      }
      wgmma_commit();
      wgmma_wait<0>();
#pragma unroll
      for (int i = 0; i < 32; ++i) sum[i] += part[i];
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

template <class Format>
__global__ void __launch_bounds__(kBlock, Format::kPlanes == 1 ? 2 : 1)
    stem_pool_kernel(const float* __restrict__ input, const std::byte* __restrict__ packed, GemmParams p,
                     PixelRule rule, Geometry g, typename Format::Element* __restrict__ out) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using Element = typename Format::Element;
  extern __shared__ std::byte shared_memory[];
  std::byte* shared = shared_memory + (128 - shared_address(shared_memory) % 128) % 128;
  std::byte* picture = shared + Format::kPlanes * kWeights;
  std::byte* conv = picture + Format::kPlanes * g.input_plane();
  const std::uint32_t weights = shared_address(shared);
  const std::uint32_t arrived = shared_address(conv + Format::kPlanes * kRows * g.conv_row<Format>());
  const int image = static_cast<int>(blockIdx.x) / g.oh, row = static_cast<int>(blockIdx.x) % g.oh;
  const int group = static_cast<int>(threadIdx.x) / 128, thread = static_cast<int>(threadIdx.x) % 128;

  if (threadIdx.x == 0) {
    barrier_init(arrived, 1);
    fence_barrier_init();
    barrier_arrive_expect(arrived, Format::kPlanes * kWeights);
    load_bytes(weights, packed, Format::kPlanes * kWeights, arrived);
  }
  launch_dependents();
  wait_for_prerequisites();
  load_picture<Format>(input, g, rule, image, 4 * row - 5, picture);
  fence_async_proxy();
  __syncthreads();
  barrier_wait(arrived, 0);

  const int conv_row = 2 * row - 1 + group;
  if (conv_row >= 0 && conv_row < g.ch) {
    std::byte* mine = conv + group * g.conv_row<Format>();
    for (int first = 0; first < g.cw; first += 64) {
      // The last tile is moved left rather than cut: what it shares with the one before comes out the same.
      const int pixel = max(min(first, g.cw - 64), 0);
      typename Format::Sum sum[32];
      multiply_windows<Format>(sum, shared_address(picture) + 2 * group * g.units * kUnit + pixel * kUnit,
                               weights, g);
#pragma unroll
      for (int j = 0; j < kChannels / 8; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int x = pixel + thread / 32 * 16 + thread % 32 / 4 + 8 * half,
                    channel = 8 * j + thread % 4 * 2;
          const typename Format::Sum pair[2] = {sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]};
          Pack<Element, 2> pack[Format::kPlanes];
          finish<Format, 2>(pair, p, load_affine<2>(p, channel), pack);
          if (x >= g.cw) continue;
#pragma unroll
          for (int plane = 0; plane < Format::kPlanes; ++plane) {
            *reinterpret_cast<Pack<Element, 2>*>(mine + plane * kRows * g.conv_row<Format>() +
                                                 conv_byte<Element>(x, channel)) = pack[plane];
          }
        }
      }
    }
  }
  __syncthreads();

  constexpr int kVector = 16 / sizeof(Element), kVectors = kChannels / kVector;
  using Vector = Pack<Element, kVector>;
  const std::size_t out_plane = static_cast<std::size_t>(p.m) * kVectors;
  for (int i = static_cast<int>(threadIdx.x); i < g.ow * kVectors; i += kBlock) {
    const int q = i / kVectors, channel = i % kVectors * kVector;
    const auto load = [&](int r, int x, Vector(&to)[Format::kPlanes]) {
      const std::byte* line =
          conv + (r - 2 * row + 1) * g.conv_row<Format>() + conv_byte<Element>(x, channel);
#pragma unroll
      for (int plane = 0; plane < Format::kPlanes; ++plane)
        to[plane] = *reinterpret_cast<const Vector*>(line + plane * kRows * g.conv_row<Format>());
    };
    Vector best[Format::kPlanes];
    load(2 * row, 2 * q, best);  // a window's centre is always a pixel of the picture
    for (int r = max(2 * row - 1, 0); r <= min(2 * row + 1, g.ch - 1); ++r) {
      for (int x = max(2 * q - 1, 0); x <= min(2 * q + 1, g.cw - 1); ++x) {
        Vector here[Format::kPlanes];
        load(r, x, here);
        keep_greatest<Format, kVector>(best, here);
      }
    }
    const std::size_t at = (static_cast<std::size_t>(blockIdx.x) * g.ow + q) * kVectors + i % kVectors;
#pragma unroll
    for (int plane = 0; plane < Format::kPlanes; ++plane)
      reinterpret_cast<Vector*>(out)[plane * out_plane + at] = best[plane];
  }
#endif
}

}  // namespace

bool stem_pool_fits(Precision precision, int width) {
  bool fits = false;
  with_format(precision, [&](auto format) {
    fits = geometry_of(1, width).template shared<decltype(format)>() <= kSharedLimit;
  });
  return fits;
}

void stem_pool(Precision precision, const Stem& stem, const float* input, int h, int w, const Activation& out,
               cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    const Geometry g = geometry_of(h, w);
    GemmParams params;
    params.m = static_cast<int>(out.pixels());
    params.scale = stem.conv.scale.data();
    params.shift = stem.conv.shift.data();
    params.relu = true;
    params.low = 0, params.high = 255;
    const auto kernel = stem_pool_kernel<Format>;
    const int shared = g.template shared<Format>();
    RESNET_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(out.n * out.h));
    config.blockDim = dim3(kBlock);
    config.dynamicSmemBytes = static_cast<std::size_t>(shared);
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = 1;
    const std::byte* weights = stem.windows.data();
    RESNET_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, input, weights, params, stem.pixels, g,
                                         static_cast<typename Format::Element*>(out.data)));
  });
}

}  // namespace resnet::cuda::sm90
