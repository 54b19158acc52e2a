// Convolution as one matrix product whose left operand is never written out (implicit GEMM), without tensor
// cores: for Turing, where they know neither fp32 nor bf16.
//
//   D[m][oc] = sum over (kh, kw, c) of x[pixel m moved by (kh, kw)][c] · w[oc][kh][kw][c]
//
// Activations are NHWC. A block owns kTileM pixels × kTileN output channels, a thread 8 × kChannels of them
// in registers. k goes by in pieces of 16 words, each within a filter tap. A word is one value widened to
// fp32 (fp32's two planes added up), or in int8 four neighbouring values of k; it is multiplied and added by
// one FFMA or one dp4a:
//
//   dp4a:   a word of x   | u8 | u8 | u8 | u8 |       sum += the four products, in int32
//           a word of w   | s8 | s8 | s8 | s8 |
//
// Shared memory holds both operands with k outermost, [16][kTileM] and [16][kTileN], so that a thread's 8
// pixels are two loads of 16 bytes, the same for all threads of a row, and a warp's channels lie in a line:
//
//          | channels of thread 0 | of thread 1 | …
//   -------+----------------------+-------------+---
//   pixels |   8 × kChannels sums |             |        16 steps of k: 8 · kChannels multiply-adds a step
//   of 0   |                      |             |        for 2 + kChannels / 4 loads of 16 bytes
//
// Two such pieces: while one is multiplied, the next is on its way through registers. Order of additions, and
// so the bits: ascending k, one by one; chunks of k, where the plan has them, from zero. Neither tile nor
// grid changes it.
//
// Bound for large batches: the fp32 units, or the integer units' dp4a. Test: ctest -R cuda_convolution; time:
// resnet bench --isa simt --layers
#pragma once

#include "cuda/dispatch.cuh"
#include "cuda/gathered/tile_end.cuh"
#include "cuda/gathered/window.cuh"

namespace resnet::cuda::simt {

// ---- shape of a tile -----------------------------------------------------------------------------------

template <class Format_, int kTileM_, int kTileN_, int kChannels_, bool kChunks_>
struct Tile {
  using Format = Format_;
  using Element = typename Format::Element;
  using Sum = typename Format::Sum;
  static constexpr bool kInt8 = sizeof(Element) == 1;
  static constexpr int kTileM = kTileM_, kTileN = kTileN_;
  static constexpr int kPixels = 8, kChannels = kChannels_;  // a thread's
  static constexpr bool kChunks = kChunks_;
  static constexpr int kPlanes = Format::kPlanes;
  static constexpr int kWords = 16;                        // of k at a time
  static constexpr int kPiece = kWords * (kInt8 ? 4 : 2);  // bytes of k
  static constexpr int kVectors = kPiece / 16;             // that is 16 bytes
  static constexpr int kWordsOfVector = kWords / kVectors;
  static constexpr int kColumns = kTileN / kChannels;  // threads side by side
  static constexpr int kThreads = kTileM / kPixels * kColumns;
  static constexpr int kSums = kPixels * kChannels;
  static constexpr int kRun = 4;  // neighbouring channels of a thread; the next four are kColumns · 4 further
  static constexpr int kLoadsA = kTileM * kVectors / kThreads, kLoadsB = kTileN * kVectors / kThreads;
  static constexpr int kBuffer = kWords * (kTileM + kTileN);  // words
  static constexpr int kShared = 2 * kBuffer * 4;
  static_assert(kThreads % kTileM == 0 && kThreads % kTileN == 0, "a thread's loads are of one row");
  static_assert(kShared <= 48 * 1024);
};

// ---- loads ---------------------------------------------------------------------------------------------

// acc + the product of two words.
__device__ __forceinline__ float multiply_add(float a, float b, float acc) {
  return fmaf(a, b, acc);
}
__device__ __forceinline__ int multiply_add(unsigned a, unsigned b, int acc) {
  int sum;
  asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(acc));
  return sum;
}

// What one thread brings of every piece: vectors of one row of A and of one row of B.
template <class T>
class Loader {
 public:
  using Word = std::conditional_t<T::kInt8, unsigned, float>;

  __device__ __forceinline__ Loader(const gathered::ConvolutionParams& p, int m0, int n0, int piece)
      : p_(p),
        position_(p, piece),
        window_(p, m0 + static_cast<int>(threadIdx.x) % T::kTileM),
        weights_(nullptr) {
    const int channel = n0 + static_cast<int>(threadIdx.x) % T::kTileN;
    if (channel < p.n)
      weights_ = static_cast<const std::byte*>(p.weights) + static_cast<std::int64_t>(channel) * p.k_bytes +
                 piece * T::kPiece + vector_b(0) * 16;
  }

  // The next piece into registers.
  __device__ __forceinline__ void load() {
    const bool inside = window_.inside >> position_.tap & 1;
    const std::byte* from = window_.first + position_.offset + vector_a(0) * 16;
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane) {
#pragma unroll
      for (int i = 0; i < T::kLoadsA; ++i)
        a_[plane][i] = inside ? vector_at(from + plane * p_.x_plane + i * kStepA * 16) : uint4{};
#pragma unroll
      for (int i = 0; i < T::kLoadsB; ++i)
        b_[plane][i] =
            weights_ != nullptr ? vector_at(weights_ + plane * p_.weights_plane + i * kStepB * 16) : uint4{};
    }
    position_.next(p_);
    if (weights_ != nullptr) weights_ += T::kPiece;
  }

  // They into shared memory, k outermost. Neighbouring threads have neighbouring rows: no two meet in a bank.
  __device__ __forceinline__ void store(Word* buffer) const {
    Word* a = buffer + static_cast<int>(threadIdx.x) % T::kTileM;
    Word* b = buffer + T::kWords * T::kTileM + static_cast<int>(threadIdx.x) % T::kTileN;
#pragma unroll
    for (int i = 0; i < T::kLoadsA; ++i) store_vector<T::kTileM>(a, vector_a(i), a_, i);
#pragma unroll
    for (int i = 0; i < T::kLoadsB; ++i) store_vector<T::kTileN>(b, vector_b(i), b_, i);
  }

 private:
  static constexpr int kStepA = T::kThreads / T::kTileM, kStepB = T::kThreads / T::kTileN;
  static __device__ __forceinline__ int vector_a(int i) {
    return static_cast<int>(threadIdx.x) / T::kTileM + i * kStepA;
  }
  static __device__ __forceinline__ int vector_b(int i) {
    return static_cast<int>(threadIdx.x) / T::kTileN + i * kStepB;
  }
  static __device__ __forceinline__ uint4 vector_at(const std::byte* from) {
    return *reinterpret_cast<const uint4*>(from);
  }

  template <int kRows, int kLoads>
  static __device__ __forceinline__ void store_vector(Word* to, int vector,
                                                      const uint4 (&planes)[T::kPlanes][kLoads], int i) {
    to += vector * T::kWordsOfVector * kRows;
    if constexpr (T::kInt8) {
      const uint4 v = planes[0][i];
      to[0] = v.x, to[kRows] = v.y, to[2 * kRows] = v.z, to[3 * kRows] = v.w;
    } else {
      using Vector = Pack<typename T::Element, T::kWordsOfVector>;
#pragma unroll
      for (int e = 0; e < T::kWordsOfVector; ++e) {
        float value = T::Format::widen(reinterpret_cast<const Vector&>(planes[0][i]).e[e]);
        if constexpr (T::kPlanes == 2)
          value += T::Format::widen(reinterpret_cast<const Vector&>(planes[1][i]).e[e]);
        to[e * kRows] = value;
      }
    }
  }

  const gathered::ConvolutionParams& p_;
  gathered::Position<T::kPiece> position_;
  gathered::Window window_;
  const std::byte* weights_;  // null beyond the last channel
  uint4 a_[T::kPlanes][T::kLoadsA], b_[T::kPlanes][T::kLoadsB];
};

// ---- kernel --------------------------------------------------------------------------------------------

// One piece: row of a thread's pixels, column of its channels.
template <class T>
__device__ __forceinline__ void multiply_piece(typename T::Sum (&sum)[T::kSums],
                                               const typename Loader<T>::Word* buffer, int row, int column) {
  using Four = Pack<typename Loader<T>::Word, 4>;
#pragma unroll
  for (int k = 0; k < T::kWords; ++k) {
    Four a[T::kPixels / 4], b[T::kChannels / 4];
#pragma unroll
    for (int i = 0; i < T::kPixels / 4; ++i)
      a[i] = *reinterpret_cast<const Four*>(buffer + k * T::kTileM + row * T::kPixels + i * 4);
#pragma unroll
    for (int j = 0; j < T::kChannels / 4; ++j)
      b[j] = *reinterpret_cast<const Four*>(buffer + T::kWords * T::kTileM + k * T::kTileN + column * 4 +
                                            j * T::kColumns * 4);
#pragma unroll
    for (int i = 0; i < T::kPixels; ++i) {
#pragma unroll
      for (int j = 0; j < T::kChannels; ++j) {
        typename T::Sum& s = sum[i * T::kChannels + j];
        s = multiply_add(a[i / 4].e[i % 4], b[j / 4].e[j % 4], s);
      }
    }
  }
}

// Grid: tiles, those of the same pixels neighbours, × chunks of k.
template <class T>
__global__ void __launch_bounds__(T::kThreads)
    simt_convolution_kernel(const __grid_constant__ gathered::ConvolutionParams p) {
  __shared__ __align__(16) typename Loader<T>::Word buffers[2][T::kBuffer];
  const int tiles_n = (p.n + T::kTileN - 1) / T::kTileN;
  const int m0 = static_cast<int>(blockIdx.x) / tiles_n * T::kTileM;
  const int n0 = static_cast<int>(blockIdx.x) % tiles_n * T::kTileN;
  const int row = static_cast<int>(threadIdx.x) / T::kColumns,
            column = static_cast<int>(threadIdx.x) % T::kColumns;
  gathered::Chunks k(p, T::kPiece);
  Loader<T> loader(p, m0, n0, k.begin);

  launch_dependents();
  wait_for_prerequisites();
  loader.load();
  loader.store(buffers[0]);
  typename T::Sum sum[T::kSums] = {};
  [[maybe_unused]] typename T::Sum total[T::kSums] = {};
  for (int piece = k.begin; piece < k.end; ++piece) {
    const int now = (piece - k.begin) % 2;
    const bool more = piece + 1 < k.end;
    __syncthreads();  // this piece is there, and the buffer of the next one has been read
    if (more) loader.load();
    multiply_piece<T>(sum, buffers[now], row, column);
    if constexpr (T::kChunks) {
      if (k.ends(piece)) {
#pragma unroll
        for (int i = 0; i < T::kSums; ++i) total[i] += sum[i], sum[i] = 0;
      }
    }
    if (more) loader.store(buffers[1 - now]);
  }
  if constexpr (T::kChunks) {
    if (gridDim.y > 1 && !gathered::add_up_chunks<T::kThreads>(p, total)) return;
  }
#pragma unroll
  for (int run = 0; run < T::kChannels / T::kRun; ++run) {
    gathered::write_runs<typename T::Format, T::kRun, T::kPixels>(
        p, n0 + column * T::kRun + run * T::kColumns * T::kRun,
        [&](int i) { return m0 + row * T::kPixels + i; },
        [&](int i, int e) { return (T::kChunks ? total : sum)[i * T::kChannels + run * T::kRun + e]; });
  }
}

// ---- rows of the table ---------------------------------------------------------------------------------

template <class T>
gathered::Kernel row_of() {
  return {.function = reinterpret_cast<const void*>(&simt_convolution_kernel<T>),
          .tile_m = T::kTileM,
          .tile_n = T::kTileN,
          .piece_bytes = T::kPiece,
          .threads = T::kThreads,
          .shared_bytes = 0,
          .chunks = T::kChunks};
}

// The kernels of a format: one for many pixels, one for few, which can split k.
template <class Format>
gathered::Kernels kernels_of() {
  static const std::array kernels{row_of<Tile<Format, 128, 64, 8, false>>(),
                                  row_of<Tile<Format, 64, 64, 4, true>>()};
  return kernels;
}

}  // namespace resnet::cuda::simt
