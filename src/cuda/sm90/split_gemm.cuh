// The implicit GEMM of implicit_gemm.cuh for few pixels, where one layer has fewer tiles than the GPU has
// multiprocessors and what counts is not the rate but the way from one layer to the next.
//
//   D[m][oc] = sum over k of x[m][k] · w[oc][k],   y = relu(D · scale + shift + residual)
//
// A block has one tile of 64 pixels × 64 output channels, or a share of its k: the `split` blocks of a
// cluster hold one sum each in shared memory, and each adds up a share of the rows, ranks ascending, so that
// the bits depend on the split alone. What a layer waits for in turn, and what is done about it:
//
//   the layer before      weights come into the ring before it ends, and what the ring cannot hold into the
//                         L2 cache; the ring is as deep as the share of k (a launch takes as much shared
//                         memory as that needs), so the pixels' loads follow without waiting for products
//   x, then the products  constants and residuals come into registers meanwhile
//   the other blocks      one barrier of the cluster, and loads from their shared memory that do not
//                         depend on each other
//
// One kernel serves every layer of a network, and also two that read the same input in one launch: code that
// has run is in the instruction caches, and fetching new code takes longer than many a layer.
#pragma once

#include "cuda/sm90/implicit_gemm.cuh"

namespace resnet::cuda::sm90 {

template <class Format, int kRowBytes, int kMostStages>
struct SplitTile : Tile<Format, 64, 64, kRowBytes, 2, 2> {
  using Base = Tile<Format, 64, 64, kRowBytes, 2, 2>;
  static constexpr bool kSplit = true;
  static constexpr int kUnroll = 1;  // short code
  static constexpr int kStages = kMostStages, kStage = Base::kLoad;
  static constexpr int kSumRow = (64 + 4) * 4;  // bytes: a row's length off a multiple of the banks
  static constexpr int kBarriers = 1024;        // bytes before the stages
  // The sums take the place of the stages.
  static constexpr int kLeastStages = (64 * kSumRow + kStage - 1) / kStage;
  static constexpr int kShared = 1024 + kBarriers + kStages * kStage;
  static_assert(2 * 8 * kStages <= kBarriers && kShared <= kSharedLimit);
};

// A block's share of its tile's rows: a thread has four neighbouring channels of every eighth row.
template <class T>
struct Share {
  using Element = typename T::Element;
  using Sum = typename T::Format::Sum;
  static constexpr int kMost = 8;  // rows a thread, where the tile is one block's

  int row;             // of the tile: the thread's first
  int last;            // the first that is not the block's
  int m0;              // the pixel of the tile's first row
  int channel;         // the first of four
  std::uint32_t sums;  // where those of the thread's first row lie
  Affine<4> affine;
  Pack<Element, 4> pack[kMost][T::kPlanes];  // residuals, and then results

  __device__ __forceinline__ Share(const GemmParams& p, const Ring<T>& ring, int m, int n, int rank) {
    const int thread = static_cast<int>(threadIdx.x);
    row = 64 * rank / p.split + thread / 16, last = 64 * (rank + 1) / p.split, m0 = m;
    channel = n + thread % 16 * 4;
    sums = ring.stages + row * T::kSumRow + thread % 16 * 16;
    affine = load_affine<4>(p, channel);
  }

  __device__ __forceinline__ bool has(const GemmParams& p, int i) const {
    return row + 8 * i < last && m0 + row + 8 * i < p.m && channel < p.n;
  }
  __device__ __forceinline__ std::size_t place(const GemmParams& p, int i, int plane) const {
    return (static_cast<std::size_t>(plane) * p.m + m0 + row + 8 * i) * p.n + channel;
  }

  __device__ __forceinline__ void load_residuals(const GemmParams& p) {
#pragma unroll
    for (int i = 0; i < kMost; ++i) {
#pragma unroll
      for (int plane = 0; plane < T::kPlanes && has(p, i); ++plane)
        pack[i][plane] = *reinterpret_cast<const Pack<Element, 4>*>(static_cast<const Element*>(p.residual) +
                                                                    place(p, i, plane));
    }
  }

  // The sums of all blocks of the tile, of which the first has the rank `first`, in the place of this one's.
  __device__ __forceinline__ void add_up(const GemmParams& p, int first) const {
#pragma unroll 1
    for (int i = 0; row + 8 * i < last; ++i) {
      const std::uint32_t own = sums + 8 * i * T::kSumRow;
      Pack<Sum, 4> total;
#pragma unroll 1
      for (int begin = 0; begin < p.split; begin += 8) {
        Pack<Sum, 4> part[8];
#pragma unroll
        for (int other = 0; other < 8; ++other) {
          if (begin + other < p.split) load_cluster(in_block(own, first + begin + other), part[other]);
        }
#pragma unroll
        for (int other = 0; other < 8; ++other) {
          if (begin + other >= p.split) continue;
#pragma unroll
          for (int e = 0; e < 4; ++e)
            total.e[e] = begin + other == 0 ? part[other].e[e] : total.e[e] + part[other].e[e];
        }
      }
      store_shared(own, total);
    }
  }

  __device__ __forceinline__ void write(const GemmParams& p) {
#pragma unroll
    for (int i = 0; i < kMost; ++i) {
      if (!has(p, i)) continue;
      Pack<Sum, 4> sum;
      load_shared(sums + 8 * i * T::kSumRow, sum);
      finish<typename T::Format, 4>(sum.e, p, affine, pack[i]);
#pragma unroll
      for (int plane = 0; plane < T::kPlanes; ++plane)
        *reinterpret_cast<Pack<Element, 4>*>(static_cast<Element*>(p.out) + place(p, i, plane)) =
            pack[i][plane];
    }
  }

  // The fp32 result.
  __device__ __forceinline__ void write_raw(const GemmParams& p) const {
#pragma unroll 1
    for (int i = 0; has(p, i); ++i) {
      Pack<Sum, 4> sum;
      load_shared(sums + 8 * i * T::kSumRow, sum);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        if (channel + e < p.n)
          p.raw[place(p, i, 0) + static_cast<std::size_t>(e)] = finish_raw(sum.e[e], p, channel + e);
      }
    }
  }
};

// gridDim.x clusters of gridDim.z blocks. A problem that is split has a tile a cluster, one that is not a
// tile a block.
template <class T>
__global__ void __launch_bounds__(T::kThreads, 2)
    split_gemm_kernel(const __grid_constant__ SplitProblems problems) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ std::byte shared[];
  const bool second = static_cast<int>(blockIdx.x) >= problems.first_clusters;
  const SplitProblem& problem = problems.problem[second ? 1 : 0];
  const GemmParams& p = problem.p;
  Ring<T> ring;
  ring.full = (shared_address(shared) + 1023) & ~1023u, ring.empty = ring.full + 8 * T::kStages;
  ring.stages = ring.full + T::kBarriers;
  ring.launch_stages = problems.stages, ring.reciprocal = problems.reciprocal;

  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const bool loads = warp == 4;
  if (threadIdx.x == 0) ring.initialize(1);
  if (loads && lane == 0) {
    prefetch_map(problem.x);
    prefetch_map(problem.w);
  }
  __syncthreads();
  launch_dependents();

  const int block = static_cast<int>(blockIdx.z);  // its rank in the cluster
  const int cluster = static_cast<int>(blockIdx.x) - (second ? problems.first_clusters : 0);
  const int rank = p.split > 1 ? block : 0;
  const int tile = p.split > 1 ? cluster : cluster * static_cast<int>(gridDim.z) + block;
  const int tiles_n = (p.n + 63) / 64;
  const int m0 = tile / tiles_n * 64, n0 = tile % tiles_n * 64;
  if (m0 < p.m) {  // the last cluster's blocks may have no tile of their own
    const Span k{p.steps * rank / p.split, p.steps * (rank + 1) / p.split - p.steps * rank / p.split};
    if (loads) {
      if (lane == 0) Loader<T>(problem.x, problem.w, problem.x, p, ring).load(m0, n0, k, true);
    } else {
      Share<T> share(p, ring, m0, n0, rank);
      if (p.has_residual) {
        wait_for_prerequisites();
        share.load_residuals(p);
      }
      typename T::Format::Sum sum[T::kSums];
      multiply_stages<T>(sum, ring, 0, k.count, threadIdx.x == 0, [] {});
      asm volatile("bar.sync 1, 128;" ::: "memory");
      // All stages are read: in their place, this block's sums.
      const int row = warp * 16 + lane / 4, thread = lane % 4;
#pragma unroll
      for (int j = 0; j < 8; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const Pack<typename T::Format::Sum, 2> pair{sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]};
          store_shared(
              ring.stages + (row + 8 * half) * T::kSumRow + channel_of<typename T::Element>(j, thread) * 4,
              pair);
        }
      }
      if (p.split == 1) {
        asm volatile("bar.sync 1, 128;" ::: "memory");
      } else {  // of the loading warp the cluster's barriers do not wait: it has ended
        cluster_arrive();
        cluster_wait();
        share.add_up(p, block - rank);
        cluster_arrive();
      }
      if (p.raw == nullptr) {
        share.write(p);
      } else {
        share.write_raw(p);
      }
      if (p.split > 1) cluster_wait();  // no block may end while another reads its sums
    }
  }
#endif
}

}  // namespace resnet::cuda::sm90
