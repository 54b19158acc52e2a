// Convolution as one matrix product whose left operand is never written out (implicit GEMM), with everything
// that follows it fused: y = relu(conv(x) · scale + shift + residual).
//
//   D[m][oc] = sum over (kh, kw, c) of x[pixel m moved by (kh, kw)][c] · w[oc][kh][kw][c]
//   m = (n · OH + oh) · OW + ow
//
// Activations are NHWC, so that the result's rows are the next layer's pixels. The TMA brings a tile of
// pixels in im2col order and zeros for the padding; the tensor cores read it where it lands.
//
// A block owns kTileM pixels × kTileN output channels. One warp issues loads into a ring of stages; each of
// kTileM / 64 warpgroups multiplies 64 pixels. The tile that holds the residual, and then the result, takes
// the place of one more stage. For few pixels split_gemm.cuh has another kernel of the same parts.
//
// Number formats (cuda/elements.cuh). fp32 is two fp16 planes, x = hi + lo: hi·hi + hi·lo + lo·hi keeps 22
// bits of each factor (Ootomo and Yokota, "Recovering single precision accuracy from Tensor Cores", 2022), at
// three products of fp16's rate. The tensor core truncates as it adds, so each stage's sum starts from zero
// and is added to an fp32 register.
#pragma once

#include "cuda/dispatch.cuh"
#include "cuda/sm90/arithmetic.cuh"
#include "cuda/sm90/implicit_gemm.hpp"
#include "cuda/sm90/ptx.cuh"

namespace resnet::cuda::sm90 {

// ---- shape of a tile -----------------------------------------------------------------------------------

template <class Format_, int kTileM_, int kTileN_, int kRowBytes_, int kStages_, int kBlocks_>
struct Tile {
  using Format = Format_;
  using Element = typename Format::Element;
  static constexpr int kTileM = kTileM_, kTileN = kTileN_;
  static constexpr int kRowBytes = kRowBytes_;  // of k in a stage: 128, or 64 for conv1
  static constexpr int kStages = kStages_;
  static constexpr int kBlocks = kBlocks_;  // on a multiprocessor
  static constexpr bool kSplit = false;
  static constexpr int kUnroll = 4;  // stages in a loop's body
  static constexpr int kPlanes = Format::kPlanes;

  // Neighbouring channels that a thread holds of a pixel: four bytes' worth (channel_of).
  static constexpr int kRun = 4 / static_cast<int>(sizeof(Element));

  static constexpr int kGroups = kTileM / 64;  // warpgroups that multiply
  static constexpr int kThreads = kGroups * 128 + 32;
  static constexpr int kSums = kTileN / 2;  // a thread's

  static constexpr int kPlaneA = kTileM * kRowBytes, kPlaneB = kTileN * kRowBytes;
  static constexpr int kLoad = kPlanes * (kPlaneA + kPlaneB);
  // The result's tile: column blocks of up to 128 bytes, each kTileM rows.
  static constexpr int kOutRow = kTileN * sizeof(Element) < 128 ? kTileN * sizeof(Element) : 128;
  static constexpr int kOutChannels = kOutRow / sizeof(Element);
  static constexpr int kOutBlocks = kTileN / kOutChannels;
  static constexpr int kOutBlock = kTileM * kOutRow;
  static constexpr int kOut = kPlanes * kOutBlocks * kOutBlock;
  static constexpr int kStage = kLoad > kOut ? kLoad : kOut;
  static constexpr __device__ int out_offset(int plane, int block, int group) {
    return (plane * kOutBlocks + block) * kOutBlock + group * 64 * kOutRow;
  }
  // Scales and shifts of a tile's channels, kept until the tile is written. Tiles take at least two stages
  // each, so that so many copies outlast the ring.
  static constexpr int kAffine = 2 * kTileN * 4, kAffines = (kStages + 1) / 2;
  static constexpr int kShared = 1024 + kStages * kStage + kAffines * kAffine + 2 * 8 * kStages;
  static_assert(kStage % 1024 == 0, "the swizzle is a function of the address");
  static_assert(kShared <= kSharedLimit);
};

// The TMA's swizzle of rows of kRow bytes: 16-byte pieces change places within a row.
template <int kRow>
__device__ __forceinline__ int swizzle(int row) {
  return (kRow == 128 ? row & 7 : (row >> 1) & 3) << 4;
}

// ---- kernel --------------------------------------------------------------------------------------------

// Where a block is in the ring of stages. Every stage that is used counts, so that producer and consumers
// agree on barriers and their phases across tiles.
template <class T>
struct Ring {
  std::uint32_t stages, affines, full, empty;  // shared addresses
  int count = 0;
  // Of a launch: its stages, and 2^16 over them, rounded up.
  int launch_stages = T::kStages, reciprocal = 0;

  __device__ __forceinline__ int depth() const { return T::kSplit ? launch_stages : T::kStages; }
  __device__ __forceinline__ int turn(int i) const {  // exact for i < 2^16 / depth
    return T::kSplit ? i * reciprocal >> 16 : i / T::kStages;
  }
  __device__ __forceinline__ int place(int i) const { return i - turn(i) * depth(); }

  __device__ __forceinline__ std::uint32_t memory(int i) const { return stages + place(i) * T::kStage; }
  __device__ __forceinline__ std::uint32_t full_of(int i) const { return full + place(i) * 8; }
  __device__ __forceinline__ void wait_full(int i) const { barrier_wait(full_of(i), turn(i) & 1); }
  __device__ __forceinline__ void wait_empty(int i) const {
    if (i >= depth()) barrier_wait(empty + place(i) * 8, (turn(i) - 1) & 1);
  }
  __device__ __forceinline__ void release(int i) const { barrier_arrive(empty + place(i) * 8); }
  // By one thread; `readers` release a stage.
  __device__ __forceinline__ void initialize(int readers) const {
    for (int i = 0; i < T::kStages; ++i) {
      barrier_init(full + 8 * i, 1);
      barrier_init(empty + 8 * i, readers);
    }
    fence_barrier_init();
  }
};

// Stages [begin, begin + count) of a tile's k.
struct Span {
  int begin, count;
};

// One lane: x and w into the stages, in ascending k, then the residual.
template <class T>
class Loader {
 public:
  __device__ __forceinline__ Loader(const CUtensorMap& x, const CUtensorMap& w, const CUtensorMap& residual,
                                    const GemmParams& p, const Ring<T>& ring)
      : x_(x), w_(w), residual_(residual), p_(p), ring_(ring) {}

  // Weights do not depend on the kernel before this one: the first tile's first stages come while it still
  // runs.
  __device__ __forceinline__ void load(int m0, int n0, Span k, bool first_tile) {
    const int image = m0 / (p_.oh * p_.ow), pixel = m0 % (p_.oh * p_.ow);
    const int h = pixel / p_.ow * p_.stride_h + p_.lower_h, w = pixel % p_.ow * p_.stride_w + p_.lower_w;
    const int tap = k.begin / p_.channel_steps;
    int c = k.begin % p_.channel_steps, kh = tap / p_.filter_w, kw = tap % p_.filter_w;
    const auto load_x = [&](int i) {
#pragma unroll
      for (int plane = 0; plane < T::kPlanes; ++plane) {
        load_im2col(ring_.memory(i) + plane * T::kPlaneA, x_, ring_.full_of(i), c * kChannels, w, h,
                    image + plane * p_.images, kw, kh);
      }
      if (++c < p_.channel_steps) return;
      c = 0;
      if (++kw < p_.filter_w) return;
      kw = 0;
      ++kh;
    };
    const int base = ring_.count;
    const int early = !first_tile ? 0 : k.count < ring_.depth() ? k.count : ring_.depth();
#pragma unroll(kUnroll)
    for (int i = 0; i < early; ++i) load_w(base + i, k.begin + i, n0);
    if constexpr (T::kSplit) {
#pragma unroll 1
      for (int i = early; i < k.count; ++i) prefetch_w(k.begin + i, n0);
    }
    if (first_tile) wait_for_prerequisites();
#pragma unroll(kUnroll)
    for (int i = 0; i < early; ++i) load_x(base + i);
#pragma unroll(kUnroll)
    for (int i = early; i < k.count; ++i) {
      ring_.wait_empty(base + i);
      load_w(base + i, k.begin + i, n0);
      load_x(base + i);
    }
    ring_.count += k.count;
    if constexpr (!T::kSplit) {
      if (p_.raw == nullptr) load_epilogue(m0, n0, ring_.count++);
    }
  }

 private:
  static constexpr int kChannels = T::kRowBytes / static_cast<int>(sizeof(typename T::Element));
  static constexpr int kUnroll = T::kUnroll;

  __device__ __forceinline__ void load_w(int i, int step, int n0) const {
    barrier_arrive_expect(ring_.full_of(i), T::kLoad);
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane) {
      load_tile(ring_.memory(i) + T::kPlanes * T::kPlaneA + plane * T::kPlaneB, w_, ring_.full_of(i),
                step * kChannels, n0, plane);
    }
  }

  __device__ __forceinline__ void prefetch_w(int step, int n0) const {
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane) prefetch_tile(w_, step * kChannels, n0, plane);
  }

  // The residual, in the stage that the result will take the place in, and the channels' constants.
  __device__ __forceinline__ void load_epilogue(int m0, int n0, int i) {
    const std::uint32_t barrier = ring_.full_of(i),
                        affine = ring_.affines + tile_++ % T::kAffines * T::kAffine;
    ring_.wait_empty(i);
    barrier_arrive_expect(barrier, T::kAffine + (p_.has_residual ? T::kOut : 0));
    load_bytes(affine, p_.scale + n0, T::kAffine / 2, barrier);
    load_bytes(affine + T::kAffine / 2, p_.shift + n0, T::kAffine / 2, barrier);
    if (!p_.has_residual) return;
    for (int plane = 0; plane < T::kPlanes; ++plane) {
      for (int block = 0; block < T::kOutBlocks; ++block) {
        for (int group = 0; group < T::kGroups; ++group) {
          load_tile(ring_.memory(i) + T::out_offset(plane, block, group), residual_, barrier,
                    n0 + block * T::kOutChannels, m0 + group * 64, plane);
        }
      }
    }
  }

  const CUtensorMap &x_, &w_, &residual_;
  const GemmParams& p_;
  Ring<T> ring_;
  int tile_ = 0;
};

// One warpgroup: the sums of its 64 pixels over the ring's next `count` stages. Thread t holds rows t / 32 ·
// 16 + t % 32 / 4 (+ 8) and columns 8 · j + t % 4 · 2 (+ 1) as sum[4 · j + (row's 8) · 2 + (column's 1)].
// `leader` is one thread of the group. after_first() is called when the first stage is read.
template <class T, class AfterFirst>
__device__ __forceinline__ void multiply_stages(typename T::Format::Sum (&sum)[T::kSums], Ring<T>& ring,
                                                int group, int count, bool leader,
                                                const AfterFirst& after_first) {
  constexpr int kProducts = T::kRowBytes / 32;  // a wgmma takes 32 bytes of k
  const int base = ring.count;
#pragma unroll(T::kUnroll)
  for (int i = 0; i < count; ++i) {
    const std::uint32_t a = ring.memory(base + i) + group * 64 * T::kRowBytes;
    const std::uint32_t b = ring.memory(base + i) + T::kPlanes * T::kPlaneA;
    ring.wait_full(base + i);
    if constexpr (T::kPlanes == 1) {
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kProducts; ++k) {
        multiply<typename T::Format>(sum, operand<T::kRowBytes>(a + 32 * k),
                                     operand<T::kRowBytes>(b + 32 * k), i + k > 0);
      }
      wgmma_commit();
      // The stage before is read when all but the last group are done; this one stays in flight.
      wgmma_wait<1>();
      if (i > 0 && leader) ring.release(base + i - 1);
    } else {
      float part[T::kSums];
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kProducts; ++k) {
        const std::uint64_t a_hi = operand<T::kRowBytes>(a + 32 * k),
                            a_lo = operand<T::kRowBytes>(a + T::kPlaneA + 32 * k),
                            b_hi = operand<T::kRowBytes>(b + 32 * k),
                            b_lo = operand<T::kRowBytes>(b + T::kPlaneB + 32 * k);
        multiply<typename T::Format>(part, a_lo, b_hi, k > 0);
        multiply<typename T::Format>(part, a_hi, b_lo, 1);
        multiply<typename T::Format>(part, a_hi, b_hi, 1);
      }
      wgmma_commit();
      wgmma_wait<0>();
      if (leader) ring.release(base + i);
#pragma unroll
      for (int j = 0; j < T::kSums; ++j) sum[j] = i == 0 ? part[j] : sum[j] + part[j];
    }
    if (i == 0) after_first();
  }
  if constexpr (T::kPlanes == 1) {
    wgmma_wait<0>();
    if (leader) ring.release(base + count - 1);
  }
  ring.count += count;
}

// The fp32 result straight to memory.
template <class T>
__device__ __forceinline__ void write_raw(const typename T::Format::Sum (&sum)[T::kSums], const GemmParams& p,
                                          int m0, int n0, int row, int thread) {
#pragma unroll
  for (int i = 0; i < T::kSums; ++i) {
    const int m = m0 + row + (i & 2) * 4;
    const int channel = n0 + channel_of<typename T::Element>(i / 4, thread) + (i & 1);
    if (m < p.m && channel < p.n)
      p.raw[static_cast<std::size_t>(m) * p.n + channel] = finish_raw(sum[i], p, channel);
  }
}

// A warpgroup's 64 rows of the result into the residual's place. `tile` is the group's first row, `affine`
// where the tile's scales lie, and then its shifts. The residuals of eight words are on their way to
// registers together.
template <class T, bool kResidual>
__device__ __forceinline__ void write_tile(const typename T::Format::Sum (&sum)[T::kSums],
                                           const GemmParams& p, std::uint32_t tile, const float* affine,
                                           int row, int thread) {
  using Element = typename T::Element;
  constexpr int kRun = T::kRun, kColumns = 4 * kRun;  // channels of a run, and of the four threads of a row
  constexpr int kBytes = kColumns * static_cast<int>(sizeof(Element));
  constexpr int kPlane = T::kOutBlocks * T::kOutBlock, kTogether = 2 / T::kPlanes;
  // The swizzle is an exclusive or on address bits that no other term of a row touches.
  const std::uint32_t first = tile + row * T::kOutRow + swizzle<T::kOutRow>(row) + thread * 4;
  const auto place = [&](int j, int half, int plane) {
    return (first ^ (j * kBytes % T::kOutRow)) + j * kBytes / T::kOutRow * T::kOutBlock +
           half * 8 * T::kOutRow + plane * kPlane;
  };
#pragma unroll
  for (int begin = 0; begin < T::kTileN / kColumns; begin += kTogether) {
    Pack<Element, kRun> pack[kTogether][2][T::kPlanes];
    const auto each = [&](auto&& f) {
#pragma unroll
      for (int j = 0; j < kTogether; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
#pragma unroll
          for (int plane = 0; plane < T::kPlanes; ++plane)
            f(place(begin + j, half, plane), pack[j][half][plane]);
        }
      }
    };
    if constexpr (kResidual) each([](std::uint32_t at, auto& word) { load_shared(at, word); });
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      const float* constants = affine + (begin + j) * kColumns + thread * kRun;
      const Affine<kRun> own{*reinterpret_cast<const Pack<float, kRun>*>(constants),
                             *reinterpret_cast<const Pack<float, kRun>*>(constants + T::kTileN)};
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        typename T::Format::Sum run[kRun];
#pragma unroll
        for (int e = 0; e < kRun; ++e) run[e] = sum[2 * kRun * (begin + j) + e / 2 * 4 + 2 * half + e % 2];
        finish_values<typename T::Format, kResidual>(run, p, own, pack[j][half]);
      }
    }
    each([](std::uint32_t at, const auto& word) { store_shared(at, word); });
  }
}

// A grid of as many blocks as fit the GPU, or fewer: each takes every gridDim.x-th tile, and while its
// warpgroups finish one, the next one's stages already come.
template <class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    implicit_gemm_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,
                         const __grid_constant__ CUtensorMap residual,
                         const __grid_constant__ CUtensorMap out, const __grid_constant__ GemmParams p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL  // other targets of the build have no wgmma; only Hopper is given this
                                  // kernel
  using Sum = typename T::Format::Sum;
  extern __shared__ std::byte shared[];
  Ring<T> ring;
  ring.stages = (shared_address(shared) + 1023) & ~1023u;
  ring.affines = ring.stages + T::kStages * T::kStage;
  ring.full = ring.affines + T::kAffines * T::kAffine, ring.empty = ring.full + 8 * T::kStages;
  const int tiles_n = (p.n + T::kTileN - 1) / T::kTileN;
  const int tiles = (p.m + T::kTileM - 1) / T::kTileM * tiles_n;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const bool loads = warp == T::kGroups * 4;
  const auto pointer = [&](std::uint32_t address) { return shared + (address - shared_address(shared)); };

  if (threadIdx.x == 0) ring.initialize(T::kGroups);
  if (loads && lane == 0) {
    prefetch_map(x);
    prefetch_map(w);
    if (p.has_residual) prefetch_map(residual);
    if (p.raw == nullptr) prefetch_map(out);
  }
  __syncthreads();
  launch_dependents();

  const int group = warp / 4, row = warp % 4 * 16 + lane / 4, thread = lane % 4;
  const bool leader = threadIdx.x % 128 == 0;
  const auto first_m = [&](int tile) { return tile / tiles_n * T::kTileM; };
  const auto first_n = [&](int tile) { return tile % tiles_n * T::kTileN; };
  const int mine = static_cast<int>(blockIdx.x), every = static_cast<int>(gridDim.x);

  if (loads && lane == 0) {
    Loader<T> loader(x, w, residual, p, ring);
    for (int tile = mine; tile < tiles; tile += every)
      loader.load(first_m(tile), first_n(tile), {0, p.steps}, tile == mine);
  }
  if (!loads) {
    int done = 0;  // tiles
    for (int tile = mine; tile < tiles; tile += every, ++done) {
      const int m0 = first_m(tile), n0 = first_n(tile);
      Sum sum[T::kSums];
      // The stage that held the tile before is free once that is read; by now it is.
      const int held = ring.count - 1;
      multiply_stages<T>(sum, ring, group, p.steps, leader, [&] {
        if (done == 0 || p.raw != nullptr || !leader) return;
        wait_stores_read();
        ring.release(held);
      });
      if (p.raw != nullptr) {
        write_raw<T>(sum, p, m0 + group * 64, n0, row, thread);
        continue;
      }
      const int i = ring.count++;
      ring.wait_full(i);
      const std::uint32_t rows = ring.memory(i) + group * 64 * T::kOutRow;
      const auto* affine =
          reinterpret_cast<const float*>(pointer(ring.affines + done % T::kAffines * T::kAffine));
      if (p.has_residual) {
        write_tile<T, true>(sum, p, rows, affine, row, thread);
      } else {
        write_tile<T, false>(sum, p, rows, affine, row, thread);
      }
      fence_async_proxy();
      asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
      if (leader) {
        for (int plane = 0; plane < T::kPlanes; ++plane) {
          for (int block = 0; block < T::kOutBlocks; ++block) {
            store_tile(out, ring.memory(i) + T::out_offset(plane, block, group), n0 + block * T::kOutChannels,
                       m0 + group * 64, plane);
          }
        }
        commit_stores();
      }
    }
    if (leader) wait_stores_read();  // shared memory must last as long
  }
#endif
}

}  // namespace resnet::cuda::sm90
