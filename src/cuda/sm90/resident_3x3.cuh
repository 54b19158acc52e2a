// 3 × 3, stride 1, 64 channels in and out, where the filter stays and every pixel comes once:
//
//   y = relu(conv(x) · scale + shift + residual)        x, y, residual: NHWC; w: [64][tap][64]
//
// In the order of implicit_gemm.cuh the TMA brings each pixel nine times, and with 64 channels that takes
// longer than the products. Here a tile is R rows of an image. The TMA brings R + 2 rows of it with a column
// of zeros on either side, a pixel a row of shared memory, and positions are numbered over these wider rows:
//
//   . . . . . . . .      position p = r · (W + 2) + c;  its tap (kh, kw) is position p + kh · (W + 2) + kw
//   . a b c d e f .
//   . g h i j k l .      so the left operand of a tap is the same memory, begun some rows further on, for the
//   . . . . . . . .      swizzle is a function of the address. Two positions a row are no pixels, and
//   dropped.
//
// A block stays and takes every gridDim.x-th tile of kPositions; all of the filter lies in its shared memory.
// One warp loads; two pairs of warpgroups take tiles by turns, so that one pair's products run while the
// other finishes. Taps and channels ascend as in implicit_gemm.cuh: the same bits. Formats of one plane.
//
// Bound: the tensor cores, of whose rows W · R / kPositions are pixels (0.875 for W = 56), and shared
// memory's 128 bytes a cycle, which the operands of 64 × 64 products take all of. Tests:
// test_cuda_convolution; time: resnet bench --tune.
#pragma once

#include "cuda/dispatch.cuh"
#include "cuda/sm90/arithmetic.cuh"
#include "cuda/sm90/implicit_gemm.cuh"
#include "cuda/sm90/implicit_gemm.hpp"
#include "cuda/sm90/ptx.cuh"

namespace resnet::cuda::sm90 {

template <class Format_>
struct Resident {
  using Format = Format_;
  using Element = typename Format::Element;
  static constexpr int kChannels = kResidentChannels, kTaps = 9;
  static constexpr int kRow = kChannels * static_cast<int>(sizeof(Element));  // bytes of a pixel's channels
  static constexpr int kPositions = kResidentPositions;
  static constexpr int kPatch = 2 * kPositions * kRow;  // the last tap of the widest row ends within
  static constexpr int kStages = 3;
  static constexpr int kTap = kChannels * kRow, kFilter = kTaps * kTap;
  static constexpr int kOut = kPositions * kRow;
  static constexpr int kPairs = 2, kThreads = kPairs * 256 + 32;
  static constexpr int kAffine = 2 * kChannels * 4;
  static constexpr int kBarriers = 1 + 2 * kStages + 2 * kPairs;
  static constexpr int kShared = 1024 + kFilter + kStages * kPatch + kPairs * kOut + kAffine + 8 * kBarriers;
  static_assert(kPatch % 1024 == 0 && kFilter % 1024 == 0 && kOut % 1024 == 0, "the swizzle's pattern");
  static_assert(kShared <= kSharedLimit);
};

// Where things lie in shared memory.
template <class T>
struct ResidentMemory {
  std::uint32_t filter, patches, outs, affine, barriers;

  __device__ __forceinline__ explicit ResidentMemory(std::uint32_t begin)
      : filter((begin + 1023) & ~1023u),
        patches(filter + T::kFilter),
        outs(patches + T::kStages * T::kPatch),
        affine(outs + T::kPairs * T::kOut),
        barriers(affine + T::kAffine) {}

  __device__ __forceinline__ std::uint32_t filter_full() const { return barriers; }
  __device__ __forceinline__ std::uint32_t full(int stage) const { return barriers + 8 * (1 + stage); }
  __device__ __forceinline__ std::uint32_t empty(int stage) const {
    return barriers + 8 * (1 + T::kStages + stage);
  }
  // The residual of a pair's tile is there.
  __device__ __forceinline__ std::uint32_t residual(int pair) const {
    return barriers + 8 * (1 + 2 * T::kStages + pair);
  }
  // The other pair has issued its products.
  __device__ __forceinline__ std::uint32_t turn(int pair) const {
    return barriers + 8 * (1 + 2 * T::kStages + T::kPairs + pair);
  }
};

// Tiles in the order of the images' rows.
struct ResidentTiles {
  int rows, per_image, count, width;  // width: of the padded rows

  __device__ __forceinline__ explicit ResidentTiles(const GemmParams& p)
      : rows(kResidentPositions / (p.ow + 2)),
        per_image((p.oh + rows - 1) / rows),
        count(per_image * p.images),
        width(p.ow + 2) {}
  __device__ __forceinline__ int image(int tile) const { return tile / per_image; }
  __device__ __forceinline__ int first_row(int tile) const { return tile % per_image * rows; }
};

// One lane: the filter, and every tile's patch.
template <class T>
__device__ __forceinline__ void load_resident(const CUtensorMap& x, const CUtensorMap& w, const GemmParams& p,
                                              const ResidentTiles& tiles, const ResidentMemory<T>& memory) {
  barrier_arrive_expect(memory.filter_full(), T::kFilter + T::kAffine);
  for (int tap = 0; tap < T::kTaps; ++tap)
    load_tile(memory.filter + tap * T::kTap, w, memory.filter_full(), tap * T::kChannels, 0, 0);
  load_bytes(memory.affine, p.scale, T::kAffine / 2, memory.filter_full());
  load_bytes(memory.affine + T::kAffine / 2, p.shift, T::kAffine / 2, memory.filter_full());
  wait_for_prerequisites();
  int j = 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles.count;
       tile += static_cast<int>(gridDim.x), ++j) {
    const int stage = j % T::kStages;
    if (j >= T::kStages) barrier_wait(memory.empty(stage), (j / T::kStages - 1) & 1);
    barrier_arrive_expect(memory.full(stage), (tiles.rows + 2) * tiles.width * T::kRow);
    load_patch(memory.patches + stage * T::kPatch, x, memory.full(stage), 0, -1, tiles.first_row(tile) - 1,
               tiles.image(tile));
  }
}

// One warpgroup's 64 positions of a patch.
template <class T>
__device__ __forceinline__ void multiply_taps(typename T::Format::Sum (&sum)[T::kChannels / 2],
                                              std::uint32_t patch, std::uint32_t filter, int width) {
  wgmma_fence();
#pragma unroll
  for (int tap = 0; tap < T::kTaps; ++tap) {
    const std::uint32_t a = patch + (tap / 3 * width + tap % 3) * T::kRow;
#pragma unroll
    for (int k = 0; k < T::kRow / 32; ++k) {
      multiply<typename T::Format>(sum, operand<T::kRow>(a + 32 * k),
                                   operand<T::kRow>(filter + tap * T::kTap + 32 * k), tap + k > 0);
    }
  }
  wgmma_commit();
}

// What a thread holds of its two positions, into the tile of the result, where only pixels have a row.
template <class T, bool kResidual>
__device__ __forceinline__ void write_positions(const typename T::Format::Sum (&sum)[T::kChannels / 2],
                                                const GemmParams& p, int width, std::uint32_t out,
                                                const float* affine, int position, int thread) {
  using Element = typename T::Element;
  constexpr int kRun = 4 / static_cast<int>(sizeof(Element)), kColumns = 4 * kRun, kBytes = 16;
  constexpr int kTogether = 4;  // words of a position whose residuals are read before one is finished
  const int rows = T::kPositions / width;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = (position + 8 * half) / width, column = (position + 8 * half) % width;
    if (row >= rows || column >= p.ow) continue;
    const int pixel = row * p.ow + column;
    const std::uint32_t first = out + pixel * T::kRow + swizzle<T::kRow>(pixel) + thread * 4;
#pragma unroll
    for (int begin = 0; begin < T::kChannels / kColumns; begin += kTogether) {
      Pack<Element, kRun> pack[kTogether][1];
      if constexpr (kResidual) {
#pragma unroll
        for (int j = 0; j < kTogether; ++j) load_shared(first ^ ((begin + j) * kBytes), pack[j][0]);
      }
#pragma unroll
      for (int j = 0; j < kTogether; ++j) {
        const float* constants = affine + (begin + j) * kColumns + thread * kRun;
        const Affine<kRun> own{*reinterpret_cast<const Pack<float, kRun>*>(constants),
                               *reinterpret_cast<const Pack<float, kRun>*>(constants + T::kChannels)};
        typename T::Format::Sum run[kRun];
#pragma unroll
        for (int e = 0; e < kRun; ++e) run[e] = sum[2 * kRun * (begin + j) + e / 2 * 4 + 2 * half + e % 2];
        finish_values<typename T::Format, kResidual>(run, p, own, pack[j]);
      }
#pragma unroll
      for (int j = 0; j < kTogether; ++j) store_shared(first ^ ((begin + j) * kBytes), pack[j][0]);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(T::kThreads, 1)
    resident_3x3_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,
                        const __grid_constant__ CUtensorMap residual, const __grid_constant__ CUtensorMap out,
                        const __grid_constant__ GemmParams p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL  // as implicit_gemm_kernel
  extern __shared__ std::byte shared[];
  const ResidentMemory<T> memory(shared_address(shared));
  const ResidentTiles tiles(p);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  if (threadIdx.x == 0) {
    barrier_init(memory.filter_full(), 1);
    for (int i = 0; i < T::kStages; ++i) {
      barrier_init(memory.full(i), 1);
      barrier_init(memory.empty(i), 2);
    }
    for (int i = 0; i < T::kPairs; ++i) {
      barrier_init(memory.residual(i), 1);
      barrier_init(memory.turn(i), 2);
    }
    fence_barrier_init();
  }
  __syncthreads();
  launch_dependents();

  if (warp == T::kPairs * 8) {
    if (lane == 0) load_resident<T>(x, w, p, tiles, memory);
    return;
  }
  const int pair = warp / 8, group = warp / 4 % 2;
  const int position = group * 64 + warp % 4 * 16 + lane / 4;
  const bool leader = threadIdx.x % 128 == 0, pair_leader = threadIdx.x % 256 == 0;
  const std::uint32_t mine = memory.outs + pair * T::kOut;
  const auto* affine = reinterpret_cast<const float*>(shared + (memory.affine - shared_address(shared)));
  const auto sync_pair = [&] { asm volatile("bar.sync %0, 256;" ::"r"(1 + pair) : "memory"); };
  if (pair_leader) wait_for_prerequisites();
  barrier_wait(memory.filter_full(), 0);
  int done = 0;  // tiles of this pair
  for (int j = pair;; j += T::kPairs, ++done) {
    const int tile = static_cast<int>(blockIdx.x) + j * static_cast<int>(gridDim.x);
    if (tile >= tiles.count) break;
    const int first_pixel = tiles.first_row(tile) * p.ow, image = tiles.image(tile);
    if (pair_leader) {
      wait_stores_read();
      if (p.has_residual) {
        barrier_arrive_expect(memory.residual(pair), tiles.rows * p.ow * T::kRow);
        load_tile(mine, residual, memory.residual(pair), 0, first_pixel, image);
      }
    }
    const int stage = j % T::kStages;
    barrier_wait(memory.full(stage), (j / T::kStages) & 1);
    // The pairs issue their products by turns, or both would finish at the same time.
    if (j > 0) barrier_wait(memory.turn(pair), (pair == 0 ? done - 1 : done) & 1);
    typename T::Format::Sum sum[T::kChannels / 2];
    multiply_taps<T>(sum, memory.patches + stage * T::kPatch + group * 64 * T::kRow, memory.filter,
                     tiles.width);
    if (leader) barrier_arrive(memory.turn(1 - pair));
    wgmma_wait<0>();
    if (leader) barrier_arrive(memory.empty(stage));
    sync_pair();  // the leader has seen the last result leave
    if (p.has_residual) {
      barrier_wait(memory.residual(pair), done & 1);
      write_positions<T, true>(sum, p, tiles.width, mine, affine, position, lane % 4);
    } else {
      write_positions<T, false>(sum, p, tiles.width, mine, affine, position, lane % 4);
    }
    fence_async_proxy();
    sync_pair();
    if (pair_leader) {
      store_tile(out, mine, 0, first_pixel, image);
      commit_stores();
    }
  }
  if (pair_leader) wait_stores_read();  // shared memory must last as long
#endif
}

}  // namespace resnet::cuda::sm90
