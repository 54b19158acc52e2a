// conv1 (7 × 7, stride 2), bn1, relu and maxpool (3 × 3, stride 2) in one kernel: what lies between, four
// times the result's size, never leaves the multiprocessor.
//
//   c[r][ow][oc] = relu(scale · sum over kh, kw, ic of x[2r − 3 + kh][2ow − 3 + kw][ic] · w[oc][ic][kh][kw]
//                       + shift)
//   y[p][q][oc]  = max of c[2p − 1 … 2p + 1][2q − 1 … 2q + 1][oc]
//
// A block walks down some rows of the result, a row a step. Its warpgroups work on different steps' data, and
// wait for one another only where one needs what another has made, or the place where it lies:
//
//   0, 1   rows 2s and 2s + 1 of conv1's output on the tensor cores, a whole row each; the greater of two
//          neighbours and the one before them leave the registers, so that half a row is written
//   2      the four rows of the picture that a step adds, some steps ahead
//   3      the max of three such rows, when they are complete
//
// The product is weights · pixels, so that the left operand, the filter, stays in registers for the whole
// picture, and shared memory is read for the pixels alone: the other way round, products of 64 channels would
// keep it busy all the time.
//
//   d[oc][ow] = sum over k of w[oc][k] · x[k][ow]
//
// The picture lies in shared memory as pixels of 4 elements (int8: 8); two neighbouring pixels are 16 bytes,
// a unit, and an output pixel's window begins one unit after that of the pixel to its left:
//
//   unit:      0   1   2   3   4   5 …          8 columns of x, 16 bytes of k each, are 8 neighbouring units;
//   ow = 0:   [0   1   2   3]                   the next 16 bytes of k begin one unit later
//   ow = 1:       [1   2   3   4]
//
// Without a swizzle the tensor core reads x as core matrices of 8 columns × 16 bytes, 128 bytes in one piece,
// wherever its descriptor says. Here they overlap: SBO = 8 units to the next 8 pixels, LBO = 1 unit to the
// next 16 bytes of k. So the windows are never written out.
//
// Order of additions, and so the bits, are those of conv1 alone (implicit_gemm.cuh). For formats of one
// plane: fp32 would take three times the products, and its filter more registers than there are. Bound for
// large batches: the tensor cores, 0.1 ms of an H200 for 256 pictures of 224 × 224 by the count of the
// products; it takes twice that. Test: ctest -R cuda_precision; time: resnet bench --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/sm90/arithmetic.cuh"
#include "cuda/sm90/implicit_gemm.hpp"
#include "cuda/sm90/stem_pool.hpp"

#include <type_traits>

namespace resnet::cuda::sm90 {
namespace {

constexpr int kFilter = 7, kChannels = 64;
constexpr int kUnit = 16;               // bytes: two pixels
constexpr int kStepsOfK = 2 * kFilter;  // of 32 bytes; two are a row of the filter, eight pixels
constexpr int kGroup = 128;             // threads
constexpr int kConvGroups = 2;
constexpr int kBlock = (kConvGroups + 2) * kGroup;
constexpr int kPictureRing = 32, kConvRing = 8;  // rows
// Rows of the picture: what the first step reads, and what each adds.
constexpr int kFirstRows = 9, kNextRows = 4;
// How many steps the loader may be ahead of the slower warpgroup's products, and conv1 ahead of the pool.
constexpr int kLoadAhead = (kPictureRing - kFirstRows) / kNextRows + 1, kConvAhead = kConvRing / 2;

// Barriers in shared memory: a ring for each thing waited for; the n-th time is number n % kRing of it.
constexpr int kRing = 8;
enum Event { kRowsLoaded, kRowsMade, kRowsPooled, kEvents };
static_assert(kLoadAhead < kRing && kConvAhead < kRing);

struct Geometry {
  int h, w;    // of the picture
  int ch, cw;  // of conv1's output
  int oh, ow;  // of the result
  int rows;    // of the result a block

  __host__ __device__ int blocks_an_image() const { return (oh + rows - 1) / rows; }
};

// Rows a block so that the blocks' rounds over the multiprocessors take the fewest steps; a block is counted
// as three more than it has rows, for its beginning and its end.
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

// What lies where in shared memory, for rows of conv1's output of at most kColumns pixels. All are computed,
// whatever the picture's width.
template <class Format, int kColumns>
struct Layout {
  using Element = typename Format::Element;
  static constexpr int kUnits = kColumns + 8;  // of a row of the picture
  static constexpr int kPictureRow = kUnits * kUnit;
  static constexpr int kPixel = kChannels * static_cast<int>(sizeof(Element));  // bytes
  static constexpr int kConvRow = kColumns / 2 * kPixel;                        // pooled along the row
  static constexpr int kConv = kPictureRing * kPictureRow;
  static constexpr int kBarriers = kConv + kConvRing * kConvRow;
  static constexpr int kShared = 128 + kBarriers + 8 * kRing * kEvents;
  static_assert(kShared <= kSharedLimit && kPictureRow % 128 == 0 && kConvRow % 128 == 0);

  static __device__ __forceinline__ int picture_row(int row) { return row % kPictureRing * kPictureRow; }
  static __device__ __forceinline__ int conv_row(int row) { return kConv + row % kConvRing * kConvRow; }

  // Of 16 bytes of a pixel in a row of conv1's output: they change places, so that neither eight pixels that
  // are written nor 128 bytes that are read meet in a bank.
  static __device__ __forceinline__ int conv_byte(int pixel, int piece) {
    constexpr int kPieces = kPixel / 16, kInLine = 128 / kPixel;
    return pixel * kPixel + (piece ^ (pixel / kInLine % kPieces)) * 16;
  }
};

// For the n-th time, counted from 0.
[[maybe_unused]] __device__ __forceinline__ void wait_for(std::uint32_t barriers, Event event, int n) {
  barrier_wait(barriers + 8 * (kRing * event + n % kRing), n / kRing % 2);
}

// This warp's part of it, after all that the warp has read and written.
[[maybe_unused]] __device__ __forceinline__ void arrive_at(std::uint32_t barriers, Event event, int n) {
  __syncwarp();
  if (threadIdx.x % 32 == 0) barrier_arrive(barriers + 8 * (kRing * event + n % kRing));
}

// Core matrices without a swizzle; strides in bytes.
[[maybe_unused]] __device__ __forceinline__ std::uint64_t core_matrices(std::uint32_t address, int k_stride,
                                                                        int row_stride) {
  return (static_cast<std::uint64_t>(row_stride >> 4) << 32) |
         (static_cast<std::uint64_t>(k_stride >> 4) << 16) | ((address & 0x3FFFF) >> 4);
}

// A row of the picture on its way into the ring, by one warp: as units, zeros (int8: the pixel that stands
// for them) around the picture. What fetch() asks of memory arrives while the warp waits for something else.
template <class Format, int kColumns>
class PictureRow {
 public:
  // Rows are counted from the block's first, which lies at y0 of the picture.
  __device__ __forceinline__ PictureRow(const float* picture, const Geometry& g, const PixelRule& rule,
                                        int y0, std::byte* shared)
      : picture_(picture), g_(g), rule_(rule), y0_(y0), shared_(shared) {}

  __device__ __forceinline__ void fetch(int row) {
    const int y = y0_ + row;
    row_ = row;
    in_picture_ = y >= 0 && y < g_.h;
    const float* from = picture_ + static_cast<std::ptrdiff_t>(y) * g_.w - kPadding;
#pragma unroll
    for (int k = 0; k < kPieces; ++k) {
      const bool inside = in_picture(column(k));
#pragma unroll
      for (int c = 0; c < 3; ++c) values_[k][c] = inside ? from[c * g_.h * g_.w + column(k)] : 0.0f;
    }
  }

  __device__ __forceinline__ void put() const {
    Pixel* to = reinterpret_cast<Pixel*>(shared_ + L::picture_row(row_));
#pragma unroll
    for (int k = 0; k < kPieces; ++k) {
      if (column(k) < 2 * L::kUnits) to[column(k)] = pixel(k);
    }
  }

 private:
  using L = Layout<Format, kColumns>;
  using Element = typename Format::Element;
  using Pixel = Pack<Element, kUnit / 2 / static_cast<int>(sizeof(Element))>;
  static constexpr int kPadding = 3, kPieces = (2 * L::kUnits + 31) / 32;

  static __device__ __forceinline__ int column(int k) {
    return static_cast<int>(threadIdx.x) % 32 + 32 * k;
  }
  __device__ __forceinline__ bool in_picture(int column) const {
    return in_picture_ && column >= kPadding && column < g_.w + kPadding;
  }

  __device__ __forceinline__ Pixel pixel(int k) const {
    Pixel pixel = {};
    const bool inside = in_picture(column(k));
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      if constexpr (sizeof(Element) == 1) {
        pixel.e[c] = inside ? pixel_of(values_[k][c], rule_.mean[c], rule_.std[c]) : rule_.centre[c];
      } else {
        pixel.e[c] = Format::narrow(values_[k][c]);
      }
    }
    return pixel;
  }

  const float* picture_;
  const Geometry& g_;
  const PixelRule& rule_;
  int y0_;
  std::byte* shared_;
  int row_ = 0;
  bool in_picture_ = false;
  float values_[kPieces][3];
};

// A warpgroup's part of the products: all 64 channels of a row of conv1's output, 16 a warp. A thread holds
// two of them, c0 and c1, of pixels 8 · j + 2 · t and the next (t is the lane in its four), for all j. From
// then on a word is what it has of two pairs of pixels, j = 2 · i and 2 · i + 1, of one channel (int8: of
// both), 16 bits a pixel.
template <class Format, int kColumns>
class ConvRow {
 public:
  __device__ __forceinline__ ConvRow(const Geometry& g, const float* scale, const float* shift,
                                     const std::byte* fragments)
      : g_(g) {
    const int thread = static_cast<int>(threadIdx.x) % kGroup, lane = thread % 32;
#pragma unroll
    for (int step = 0; step < kStepsOfK; ++step)
      weights_[step] = reinterpret_cast<const uint4*>(fragments)[step * kGroup + thread];
    t_ = lane % 4;
    warp_ = thread / 32;
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      const int channel = warp_ * 16 + (kBytes ? lane / 4 * 2 + c : lane / 4 + 8 * c);
      scale_[c] = scale[channel], shift_[c] = shift[channel];
    }
  }

  // Row i of the block's; `shared` is the layout's address.
  __device__ __forceinline__ void multiply(int i, std::uint32_t shared) {
    wgmma_fence();
#pragma unroll
    for (int step = 0; step < kStepsOfK; ++step) {
      const std::uint32_t x = shared + L::picture_row(2 * i + step / 2) + step % 2 * 2 * kUnit;
      const std::uint64_t pixels = core_matrices(x, kUnit, 8 * kUnit);
      if constexpr (kBytes) {
        wgmma_s8u8(sum_, weights_[step], pixels, step > 0);
      } else if constexpr (std::is_same_v<Format, BFloat>) {
        wgmma_bf16(sum_, weights_[step], pixels, step > 0);
      } else {
        wgmma_f16(sum_, weights_[step], pixels, step > 0);
      }
    }
    wgmma_commit();
    wgmma_wait<0>();
  }

  // bn1 and relu; of pixels 2x − 1, 2x and 2x + 1 the greatest, into place x of the row.
  __device__ __forceinline__ void pool_into(std::uint32_t row) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    std::uint32_t before[kWords] = {};  // the odd pixels of the last i, from the lane to the left
#pragma unroll
    for (int i = 0; i < kColumns / 16; ++i) {
      std::uint32_t words[kWords];
#pragma unroll
      for (int w = 0; w < kWords; ++w) {
        const std::uint32_t even = finished(i, 0, w), odd = finished(i, 1, w);
        // Lane 0 of four has its left neighbours one j back: of the first, in the word before.
        const std::uint32_t from_left = __shfl_sync(0xFFFFFFFF, odd, (lane & ~3) | ((lane + 3) & 3));
        const std::uint32_t left = t_ > 0   ? from_left
                                   : i == 0 ? __byte_perm(even, from_left, 0x5410)
                                            : __byte_perm(before[w], from_left, 0x5432);
        before[w] = from_left;
        words[w] = greatest(even, within(i, odd, even), left);
      }
      // Column 2 · t of the matrix is place 8 · i + t, column 2 · t + 1 four on.
      const int place = 8 * i + lane % 8 / 2 + lane % 2 * 4;
      if constexpr (kBytes) {
        store_columns(row + L::conv_byte(place, warp_), words[0]);
      } else {
        store_columns(row + L::conv_byte(place, 2 * warp_ + lane / 8 % 2), words[0], words[1]);
      }
    }
  }

 private:
  using L = Layout<Format, kColumns>;
  using Element = typename Format::Element;
  static constexpr bool kBytes = sizeof(Element) == 1;
  static constexpr int kWords = kBytes ? 1 : 2;

  // Pixels 8 · j + 2 · t + odd of j = 2 · i and 2 · i + 1.
  __device__ __forceinline__ std::uint32_t finished(int i, int odd, int word) const {
    EpilogueParams rule{};
    rule.relu = true, rule.low = 0, rule.high = 255;
    constexpr int kCount = 4 / static_cast<int>(sizeof(Element));
    typename Format::Sum sum[kCount];
    Affine<kCount> affine;
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      const int c = kBytes ? e % 2 : word, j = 2 * i + (kBytes ? e / 2 : e);
      sum[e] = sum_[4 * j + 2 * c + odd];
      affine.scale.e[e] = scale_[c], affine.shift.e[e] = shift_[c];
    }
    Pack<Element, kCount> values[1];
    finish_values<Format, false>(sum, rule, affine, values);
    return reinterpret_cast<const std::uint32_t&>(values[0]);
  }

  // `odd`, or `even` where the row ends between them.
  __device__ __forceinline__ std::uint32_t within(int i, std::uint32_t odd, std::uint32_t even) const {
    if (g_.cw % 2 == 0) return odd;
    const int pixel = 16 * i + 2 * t_ + 1;
    return __byte_perm(odd, even, (pixel < g_.cw ? 0x10 : 0x54) | (pixel + 8 < g_.cw ? 0x3200 : 0x7600));
  }

  static __device__ __forceinline__ std::uint32_t greatest(std::uint32_t a, std::uint32_t b,
                                                           std::uint32_t c) {
    using Values = Pack<Element, 4 / static_cast<int>(sizeof(Element))>;
    Values values[1] = {reinterpret_cast<const Values&>(a)};
    Greatest<Format, 4 / static_cast<int>(sizeof(Element))> best(values);
    values[0] = reinterpret_cast<const Values&>(b), best.meet(values);
    values[0] = reinterpret_cast<const Values&>(c), best.meet(values);
    best.get(values);
    return reinterpret_cast<const std::uint32_t&>(values[0]);
  }

  const Geometry& g_;
  uint4 weights_[kStepsOfK];
  float scale_[2], shift_[2];
  int t_, warp_;
  typename Format::Sum sum_[kColumns / 2];
};

// Row q of the block's result by one warpgroup: the max of rows 2q, 2q + 1 and 2q + 2 of the block's conv1
// output, of which row i is row c0 + i of the picture's. Where they reach over the edge, the one in the
// middle, which is always there, stands for what is not.
template <class Format, int kColumns>
__device__ __forceinline__ void pool_row(const Geometry& g, int q, int c0, const std::byte* shared,
                                         typename Format::Element* out) {
  using Element = typename Format::Element;
  using L = Layout<Format, kColumns>;
  constexpr int kVector = 16 / sizeof(Element), kVectors = kChannels / kVector;
  using Vector = Pack<Element, kVector>;
  const auto row = [&](int r) {
    const int c = c0 + 2 * q + r;
    return shared + L::conv_row(c >= 0 && c < g.ch ? 2 * q + r : 2 * q + 1);
  };
  const std::byte *above = row(0), *middle = row(1), *below = row(2);
  for (int i = static_cast<int>(threadIdx.x) % kGroup; i < g.ow * kVectors; i += kGroup) {
    const int byte = L::conv_byte(i / kVectors, i % kVectors);
    Vector values[1] = {*reinterpret_cast<const Vector*>(middle + byte)};
    Greatest<Format, kVector> best(values);
    values[0] = *reinterpret_cast<const Vector*>(above + byte), best.meet(values);
    values[0] = *reinterpret_cast<const Vector*>(below + byte), best.meet(values);
    best.get(values);
    reinterpret_cast<Vector*>(out)[i] = values[0];
  }
}

template <class Format, int kColumns>
__global__ void __launch_bounds__(kBlock, 1)
    stem_pool_kernel(const float* __restrict__ input, const std::byte* __restrict__ fragments,
                     const float* __restrict__ scale, const float* __restrict__ shift, PixelRule rule,
                     Geometry g, typename Format::Element* __restrict__ out) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using L = Layout<Format, kColumns>;
  extern __shared__ std::byte shared_memory[];
  std::byte* shared = shared_memory + (128 - shared_address(shared_memory) % 128) % 128;
  const std::uint32_t barriers = shared_address(shared) + L::kBarriers;
  const int image = static_cast<int>(blockIdx.x) / g.blocks_an_image();
  const int first = static_cast<int>(blockIdx.x) % g.blocks_an_image() * g.rows,
            rows = min(g.rows, g.oh - first);
  const int c0 = 2 * first - 1,
            y0 = 2 * c0 - 3;  // of the block's first rows of conv1's output and of the picture
  const int group = static_cast<int>(threadIdx.x) / kGroup, warp = static_cast<int>(threadIdx.x) / 32;
  const float* from = input + static_cast<std::size_t>(image) * 3 * static_cast<std::size_t>(g.h) * g.w;

  if (threadIdx.x == 0) {
    for (int n = 0; n < kRing; ++n) {
      barrier_init(barriers + 8 * (kRing * kRowsLoaded + n), kGroup / 32);
      barrier_init(barriers + 8 * (kRing * kRowsMade + n), kConvGroups * kGroup / 32);
      barrier_init(barriers + 8 * (kRing * kRowsPooled + n), kGroup / 32);
    }
  }
  launch_dependents();
  wait_for_prerequisites();
  PictureRow<Format, kColumns> picture_row(from, g, rule, y0, shared);
  if (warp < kFirstRows) {
    picture_row.fetch(warp);
    picture_row.put();
    fence_async_proxy();
  }
  __syncthreads();

  // A step more than rows: the last makes only the last row's third.
  if (group < kConvGroups) {
    take_registers<168>();  // and the others 88: together what the block has
    ConvRow<Format, kColumns> row(g, scale, shift, fragments);
    for (int s = 0; s <= rows; ++s) {
      if (s >= 1) wait_for(barriers, kRowsLoaded, s - 1);
      const int i = 2 * s + group, c = c0 + i;
      row.multiply(i, shared_address(shared));
      if (s >= kConvAhead) wait_for(barriers, kRowsPooled, s - kConvAhead);
      if (c >= 0 && c < g.ch && i <= 2 * rows) row.pool_into(shared_address(shared) + L::conv_row(i));
      arrive_at(barriers, kRowsMade, s);
    }
  } else if (group == kConvGroups) {
    leave_registers<88>();
    const int mine = kFirstRows + warp % kNextRows - kNextRows;  // of step 0
    picture_row.fetch(mine + kNextRows);
    for (int s = 1; s <= rows; ++s) {
      if (s >= kLoadAhead) wait_for(barriers, kRowsMade, s - kLoadAhead);
      picture_row.put();
      fence_async_proxy();
      arrive_at(barriers, kRowsLoaded, s - 1);
      if (s < rows) picture_row.fetch(mine + kNextRows * (s + 1));
    }
  } else {
    leave_registers<88>();
    for (int q = 0; q < rows; ++q) {
      wait_for(barriers, kRowsMade, q + 1);
      const std::size_t row = static_cast<std::size_t>(image) * g.oh + first + q;
      pool_row<Format, kColumns>(g, q, c0, shared, out + row * g.ow * kChannels);
      arrive_at(barriers, kRowsPooled, q);
    }
  }
#endif
}

// 224 and 320 pixels wide.
constexpr int kNarrow = 112, kWide = 160;

template <class Format, int kColumns>
void launch_stem_pool(const Stem& stem, const Geometry& g, const float* input, const Activation& out,
                      cudaStream_t stream) {
  const auto kernel = stem_pool_kernel<Format, kColumns>;
  constexpr int kShared = Layout<Format, kColumns>::kShared;
  RESNET_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared));
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(out.n * g.blocks_an_image()));
  config.blockDim = dim3(kBlock);
  config.dynamicSmemBytes = kShared;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const std::byte* fragments = stem.fragments.data();
  const float *scale = stem.conv.scale.data(), *shift = stem.conv.shift.data();
  RESNET_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, input, fragments, scale, shift, stem.pixels, g,
                                       static_cast<typename Format::Element*>(out.data)));
}

}  // namespace

bool stem_pool_fits(Precision precision, int width) {
  return planes_of(precision) == 1 && stem_side(width) <= kWide;
}

void stem_pool(Precision precision, const Stem& stem, const float* input, int h, int w, const Activation& out,
               cudaStream_t stream) {
  Geometry g{};
  g.h = h, g.w = w;
  g.ch = stem_side(h), g.cw = stem_side(w);
  g.oh = stem_side(g.ch), g.ow = stem_side(g.cw);
  g.rows = rows_a_block(g, out.n);
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    if constexpr (Format::kPlanes == 1) {
      if (g.cw <= kNarrow) {
        launch_stem_pool<Format, kNarrow>(stem, g, input, out, stream);
      } else {
        launch_stem_pool<Format, kWide>(stem, g, input, out, stream);
      }
    }
  });
}

}  // namespace resnet::cuda::sm90
