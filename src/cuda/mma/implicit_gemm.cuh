// Convolution as one matrix product whose left operand is never written out (implicit GEMM), on the tensor
// cores of Ampere and later, with everything that follows it fused.
//
//   D[m][oc] = sum over (kh, kw, c) of x[pixel m moved by (kh, kw)][c] · w[oc][kh][kw][c]
//
// Activations are NHWC. A block owns kTileM pixels × kTileN output channels, a warp kWarpM × kWarpN of them.
// k goes by in pieces of 64 bytes, each within a filter tap: every thread copies its pixels' 16 bytes
// straight to shared memory (cp.async), zeros where the padding is, into a ring of kStages; a barrier a piece
// says that one has arrived and another is free. In shared memory a row is its 64 bytes, whose 16-byte groups
// change places so that the eight rows of an ldmatrix lie in different banks:
//
//   A, row r: group g at g ^ (r / 2 % 4)     B, row r: group g at g ^ (r / kRun % 4)
//
// B's rows are read in another order than they lie in, so that a thread's sums of kRun neighbouring channels
// stand in neighbouring registers: column 2t + e of product j is channel (j / (kRun / 2)) · 4 · kRun + t ·
// kRun + j % (kRun / 2) · 2 + e.
//
// Order of additions, and so the bits: ascending k in steps of 32 bytes; fp32 (two fp16 planes, three
// products a step, the small ones first) from zero every 64 values, because the tensor core truncates as it
// adds, and those sums added in fp32; chunks of k, where the plan has them, the same. Neither tile nor grid
// changes it.
//
// Bound for large batches: the tensor cores; of an H200, whose wgmma this is not, two thirds of its rate at
// best. Test: ctest -R cuda_convolution; time: resnet bench --isa mma --layers
#pragma once

#include "cuda/dispatch.cuh"
#include "cuda/gathered/tile_end.cuh"
#include "cuda/gathered/window.cuh"
#include "cuda/mma/ptx.cuh"

namespace resnet::cuda::mma {

// ---- shape of a tile -----------------------------------------------------------------------------------

template <class Format_, int kTileM_, int kTileN_, int kWarpM_, int kWarpN_, int kStages_, int kBlocks_,
          bool kChunks_>
struct Tile {
  using Format = Format_;
  using Element = typename Format::Element;
  using Sum = typename Format::Sum;
  static constexpr int kTileM = kTileM_, kTileN = kTileN_;
  static constexpr int kWarpM = kWarpM_, kWarpN = kWarpN_;
  static constexpr int kStages = kStages_;
  static constexpr int kBlocks = kBlocks_;  // on a multiprocessor
  static constexpr bool kChunks = kChunks_;
  static constexpr int kPlanes = Format::kPlanes;
  static constexpr int kPiece = 64;  // bytes of k

  static constexpr int kWarpsM = kTileM / kWarpM, kWarpsN = kTileN / kWarpN;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kRows = kWarpM / 16, kColumns = kWarpN / 8;  // products of a warp
  static constexpr int kSums = kRows * kColumns * 4;                // a thread's
  static constexpr int kRun = 8 / static_cast<int>(sizeof(Element));

  static constexpr int kPlaneA = kTileM * kPiece, kPlaneB = kTileN * kPiece;
  static constexpr int kStage = kPlanes * (kPlaneA + kPlaneB);
  static constexpr int kShared = kStages * kStage;
  static constexpr int kAtOnce = kThreads / 4;  // rows that the block copies at once
  static constexpr int kCopiesA = kTileM / kAtOnce, kCopiesB = kTileN / kAtOnce;  // a thread's, of a plane
  static_assert(kTileM % kAtOnce == 0 && kTileN % kAtOnce == 0);
  static_assert(kShared <= 99 * 1024, "of sm_86, sm_89 and sm_120");
};

// ---- copies --------------------------------------------------------------------------------------------

// What one thread brings of every piece: group threadIdx.x % 4 of the rows threadIdx.x / 4 + i · kAtOnce.
template <class T>
class Copier {
 public:
  __device__ __forceinline__ Copier(const gathered::ConvolutionParams& p, int m0, int n0, int piece,
                                    std::uint32_t stages)
      : p_(p), position_(p, piece), stages_(stages), group_(static_cast<int>(threadIdx.x) % 4) {
    const int row = static_cast<int>(threadIdx.x) / 4;
#pragma unroll
    for (int i = 0; i < T::kCopiesA; ++i) windows_[i] = gathered::Window(p, m0 + row + i * T::kAtOnce);
    weights_ = static_cast<const std::byte*>(p.weights) + static_cast<std::int64_t>(n0 + row) * p.k_bytes +
               piece * T::kPiece + group_ * 16;
    rows_left_ = p.n - n0 - row;
    to_a_ = row * T::kPiece + ((group_ ^ (row / 2 % 4)) << 4);
    to_b_ = T::kPlanes * T::kPlaneA + row * T::kPiece + ((group_ ^ (row / T::kRun % 4)) << 4);
  }

  // The rows of a plane that one copy is from the next keep the order of their groups.
  static_assert(T::kAtOnce / 2 % 4 == 0 && T::kAtOnce / T::kRun % 4 == 0);

  // Weights of the next piece, into stage i.
  __device__ __forceinline__ void copy_b(int i) {
    const std::uint32_t to = stages_ + i * T::kStage + to_b_;
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane) {
#pragma unroll
      for (int k = 0; k < T::kCopiesB; ++k) {
        const bool there = k * T::kAtOnce < rows_left_;
        const std::byte* from = weights_ + plane * p_.weights_plane +
                                static_cast<std::int64_t>(there ? k * T::kAtOnce : 0) * p_.k_bytes;
        copy_or_zero(to + plane * T::kPlaneB + k * T::kAtOnce * T::kPiece, rows_left_ > 0 ? from : p_.weights,
                     there);
      }
    }
    weights_ += T::kPiece;
  }

  __device__ __forceinline__ void copy_a(int i) {
    const std::uint32_t to = stages_ + i * T::kStage + to_a_;
#pragma unroll
    for (int k = 0; k < T::kCopiesA; ++k) {
      const bool inside = windows_[k].inside >> position_.tap & 1;
      const std::byte* from =
          inside ? windows_[k].first + position_.offset + group_ * 16 : static_cast<const std::byte*>(p_.x);
#pragma unroll
      for (int plane = 0; plane < T::kPlanes; ++plane)
        copy_or_zero(to + plane * T::kPlaneA + k * T::kAtOnce * T::kPiece,
                     from + (inside ? plane * p_.x_plane : 0), inside);
    }
    position_.next(p_);
  }

 private:
  const gathered::ConvolutionParams& p_;
  gathered::Position<T::kPiece> position_;
  gathered::Window windows_[T::kCopiesA];
  const std::byte* weights_;
  std::uint32_t stages_;
  int group_, rows_left_, to_a_, to_b_;
};

// ---- products ------------------------------------------------------------------------------------------

// Of a warp's products of 16 rows and 8 columns, a thread's four of each: those of product (i, j) from (i ·
// kColumns + j) · 4 on.
template <class T>
using Sums = typename T::Sum[T::kSums];

// to += from, and from = 0.
template <class T>
__device__ __forceinline__ void move_sums(Sums<T>& to, Sums<T>& from) {
#pragma unroll
  for (int i = 0; i < T::kSums; ++i) to[i] += from[i], from[i] = 0;
}

// Where a lane's rows lie in a stage: of A for products of 16 rows, of B for two products of 8 channels.
template <class T>
struct Lane {
  int a, b;    // bytes of the rows
  int swap_a;  // what the groups' places are exclusive-ored with
  int swap_b;
  int half_a, half_b;  // which 16 of the 32 bytes of a step

  __device__ __forceinline__ Lane(int warp, int lane) {
    const int row = warp / T::kWarpsN * T::kWarpM + lane % 16, r = lane % 8;
    a = row * T::kPiece;
    swap_a = row / 2 % 4;
    half_a = lane / 16;
    // Lanes 16 … 31 read the second product of a pair.
    const int channel = warp % T::kWarpsN * T::kWarpN + r / 2 * T::kRun + r % 2 + lane / 16 * 2;
    b = T::kPlanes * T::kPlaneA + channel * T::kPiece;
    swap_b = channel / T::kRun % 4;
    half_b = lane / 8 % 2;
  }
  // Products j and j + 1 of a warp, the first being even: their rows' distance from those of 0 and 1.
  static __device__ __forceinline__ constexpr int rows_of(int j) {
    return j / (T::kRun / 2) * 4 * T::kRun + j % (T::kRun / 2) * 2;
  }
};

// One step, 32 bytes of k.
template <class T>
__device__ __forceinline__ void multiply_step(Sums<T>& sum, std::uint32_t stage, const Lane<T>& lane,
                                              int step) {
  unsigned b[T::kPlanes][T::kColumns / 2][4];
#pragma unroll
  for (int plane = 0; plane < T::kPlanes; ++plane) {
#pragma unroll
    for (int j = 0; j < T::kColumns; j += 2) {
      load_matrices(b[plane][j / 2], stage + plane * T::kPlaneB + lane.b + Lane<T>::rows_of(j) * T::kPiece +
                                         (((2 * step + lane.half_b) ^ lane.swap_b) << 4));
    }
  }
#pragma unroll
  for (int i = 0; i < T::kRows; ++i) {
    unsigned a[T::kPlanes][4];
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane) {
      load_matrices(a[plane], stage + plane * T::kPlaneA + lane.a + i * 16 * T::kPiece +
                                  (((2 * step + lane.half_a) ^ lane.swap_a) << 4));
    }
    const auto products = [&](int of_a, int of_b) {
#pragma unroll
      for (int j = 0; j < T::kColumns; ++j)
        multiply<typename T::Format>(sum + (i * T::kColumns + j) * 4, a[of_a], b[of_b][j / 2][j % 2 * 2],
                                     b[of_b][j / 2][j % 2 * 2 + 1]);
    };
    if constexpr (T::kPlanes == 2) {
      products(1, 0);
      products(0, 1);
    }
    products(0, 0);
  }
}

// ---- kernel --------------------------------------------------------------------------------------------

template <class T>
__device__ __forceinline__ void write_tile(const gathered::ConvolutionParams& p, const Sums<T>& sum, int m0,
                                           int n0, int warp, int lane) {
  constexpr int kPairs = T::kRun / 2, kRuns = T::kColumns / kPairs;
  const int first_m = m0 + warp / T::kWarpsN * T::kWarpM + lane / 4;
  const int first_channel = n0 + warp % T::kWarpsN * T::kWarpN + lane % 4 * T::kRun;
  constexpr int kPixels = 2 * T::kRows, kAtOnce = kPixels < 32 / T::kRun ? kPixels : 32 / T::kRun;
#pragma unroll
  for (int run = 0; run < kRuns; ++run) {
#pragma unroll
    for (int begin = 0; begin < kPixels; begin += kAtOnce) {
      gathered::write_runs<typename T::Format, T::kRun, kAtOnce>(
          p, first_channel + run * 4 * T::kRun, [&](int i) { return first_m + 8 * (begin + i); },
          [&](int i, int e) {
            const int half = (begin + i) % 2, product = (begin + i) / 2 * T::kColumns + run * kPairs + e / 2;
            return sum[product * 4 + half * 2 + e % 2];
          });
    }
  }
}

// Grid: tiles, those of the same pixels neighbours, × chunks of k.
template <class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    mma_convolution_kernel(const __grid_constant__ gathered::ConvolutionParams p) {
#if __CUDA_ARCH__ >= 800
  extern __shared__ __align__(128) std::byte shared[];
  const int tiles_n = (p.n + T::kTileN - 1) / T::kTileN;
  const int m0 = static_cast<int>(blockIdx.x) / tiles_n * T::kTileM;
  const int n0 = static_cast<int>(blockIdx.x) % tiles_n * T::kTileN;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const std::uint32_t stages = shared_address(shared);
  gathered::Chunks k(p, T::kPiece);
  Copier<T> copier(p, m0, n0, k.begin, stages);
  const int count = k.end - k.begin;

  // Weights do not depend on the kernel before this one: the first of them come while it still runs.
  launch_dependents();
#pragma unroll
  for (int i = 0; i < T::kStages - 1; ++i) {
    if (i < count) copier.copy_b(i);
  }
  wait_for_prerequisites();
#pragma unroll
  for (int i = 0; i < T::kStages - 1; ++i) {
    if (i < count) copier.copy_a(i);
    commit_copies();
  }

  // fp32: part → whole every second piece; chunks: whole → total at the end of each.
  const Lane<T> lane(warp, static_cast<int>(threadIdx.x) % 32);
  Sums<T> part = {};
  [[maybe_unused]] Sums<T> whole = {}, total = {};
  [[maybe_unused]] bool odd = false;
  for (int i = 0, full = 0, empty = T::kStages - 1; i < count; ++i) {
    wait_for_copies<T::kStages - 2>();
    __syncthreads();  // stage `full` is there for all, and all have read the stage before it, which is
                      // `empty`
    if (i + T::kStages - 1 < count) {
      copier.copy_b(empty);
      copier.copy_a(empty);
    }
    commit_copies();
    const std::uint32_t stage = stages + full * T::kStage;
#pragma unroll
    for (int step = 0; step < T::kPiece / 32; ++step) multiply_step<T>(part, stage, lane, step);
    [[maybe_unused]] const bool chunk_ends = T::kChunks ? k.ends(k.begin + i) : i + 1 == count;
    if constexpr (T::kPlanes == 2) {
      if (odd || chunk_ends) move_sums<T>(whole, part);
      odd = !odd && !chunk_ends;
    }
    if constexpr (T::kChunks) {
      if (chunk_ends) move_sums<T>(total, T::kPlanes == 2 ? whole : part);
    }
    empty = full;
    full = full + 1 == T::kStages ? 0 : full + 1;
  }

  Sums<T>& sum = T::kChunks ? total : T::kPlanes == 2 ? whole : part;
  if constexpr (T::kChunks) {
    if (gridDim.y > 1 && !gathered::add_up_chunks<T::kThreads>(p, sum)) return;
  }
  write_tile<T>(p, sum, m0, n0, warp, static_cast<int>(threadIdx.x) % 32);
#endif
}

// ---- rows of the table ---------------------------------------------------------------------------------

template <class T>
gathered::Kernel row_of() {
  return {.function = reinterpret_cast<const void*>(&mma_convolution_kernel<T>),
          .tile_m = T::kTileM,
          .tile_n = T::kTileN,
          .piece_bytes = T::kPiece,
          .threads = T::kThreads,
          .shared_bytes = T::kShared,
          .chunks = T::kChunks};
}

}  // namespace resnet::cuda::mma
