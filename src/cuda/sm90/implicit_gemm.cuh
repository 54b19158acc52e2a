// Convolution as one matrix product whose left operand is never written out (implicit GEMM), with everything that follows
// it fused: y = relu(conv(x) · scale + shift + residual).
//
//   D[m][oc] = sum over (kh, kw, c) of x[pixel m moved by (kh, kw)][c] · w[oc][kh][kw][c]     m = ((n · OH) + oh) · OW + ow
//
// Activations are NHWC, so that the result's rows are the next layer's pixels. The TMA brings a tile of pixels in im2col
// order and zeros for the padding; the tensor cores read it where it lands.
//
// A block owns kTileM pixels × kTileN output channels. One warp issues loads into a ring of stages; each of kTileM / 64
// warpgroups multiplies 64 pixels. The tile that holds the residual, and then the result, takes the place of one more
// stage. With kCluster, the blocks of a cluster split k: every block's sum lies in its shared memory, and each block adds
// up a share of the rows, ranks ascending.
//
// Number formats (struct Format below). fp32 is two fp16 planes, x = hi + lo: hi·hi + hi·lo + lo·hi keeps 22 bits of each
// factor (Ootomo and Yokota, "Recovering single precision accuracy from Tensor Cores", 2022), at three products of fp16's
// rate. The tensor core truncates as it adds, so each stage's sum starts from zero and is added to an fp32 register.
#pragma once

#include "cuda/dispatch.cuh"
#include "cuda/elements.cuh"
#include "cuda/sm90/implicit_gemm.hpp"
#include "cuda/sm90/ptx.cuh"

#include <type_traits>

namespace resnet::cuda::sm90 {

// ---- number formats -------------------------------------------------------------------------------------------------

// D[64][N] (+)= A · B of one wgmma, 32 bytes of k.
template <class Format, class Sum, int kSums>
__device__ __forceinline__ void multiply(Sum (&d)[kSums], std::uint64_t a, std::uint64_t b, int add) {
  if constexpr (std::is_same_v<Format, Int8>) {
    wgmma_u8s8(d, a, b, add);
  } else if constexpr (std::is_same_v<Format, BFloat>) {
    wgmma_bf16(d, a, b, add);
  } else {
    wgmma_f16(d, a, b, add);
  }
}

// What follows the sum, for kCount neighbouring channels. `r` holds the residual, and then the result, by plane.
template <class Format, int kCount>
__device__ __forceinline__ void finish(const typename Format::Sum (&sum)[kCount], const GemmParams& p, int channel,
                                       Pack<typename Format::Element, kCount> (&r)[Format::kPlanes]) {
  const auto scale = *reinterpret_cast<const Pack<float, kCount>*>(p.scale + channel);
  if constexpr (sizeof(typename Format::Element) == 1) {  // docs/int8.md, rules 5 and 6: every step rounds
    const auto bias = *reinterpret_cast<const Pack<int, kCount>*>(p.shift + channel);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      float y = __fmul_rn(__int2float_rn(sum[i] + bias.e[i]), scale.e[i]);
      if (p.has_residual) {
        const int step = p.residual_signed ? static_cast<std::int8_t>(r[0].e[i]) : r[0].e[i];
        y = __fadd_rn(y, __fmul_rn(static_cast<float>(step), p.residual_scale));
      }
      r[0].e[i] = static_cast<std::uint8_t>(__float2int_rn(fminf(fmaxf(y, p.low), p.high)));
    }
  } else {
    const auto shift = *reinterpret_cast<const Pack<float, kCount>*>(p.shift + channel);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      float y = fmaf(sum[i], scale.e[i], shift.e[i]);
      if (p.has_residual) {
        float x = Format::widen(r[0].e[i]);
        if constexpr (Format::kPlanes == 2) x += Format::widen(r[1].e[i]);
        y += x;
      }
      if (p.relu) y = fmaxf(y, 0);
      if constexpr (Format::kPlanes == 2) {
        split(y, r[0].e[i], r[1].e[i]);
      } else {
        r[0].e[i] = Format::narrow(y);
      }
    }
  }
}

// The fp32 result: sum · scale + shift, ReLU where asked for. (int8: the head's logits.)
template <class Sum>
__device__ __forceinline__ float finish_raw(Sum sum, const GemmParams& p, int channel) {
  if constexpr (sizeof(Sum) == 4 && static_cast<Sum>(0.5f) == 0) {
    return __fmul_rn(__int2float_rn(sum + reinterpret_cast<const int*>(p.shift)[channel]), p.scale[channel]);
  } else {
    const float y = fmaf(sum, p.scale[channel], p.shift[channel]);
    return p.relu ? fmaxf(y, 0) : y;
  }
}

// ---- shape of a tile ------------------------------------------------------------------------------------------------

template <class Format_, int kTileM_, int kTileN_, int kRowBytes_, int kStages_, int kBlocks_, bool kCluster_>
struct Tile {
  using Format = Format_;
  using Element = typename Format::Element;
  static constexpr int kTileM = kTileM_, kTileN = kTileN_;
  static constexpr int kRowBytes = kRowBytes_;  // of k in a stage: 128, or 64 for conv1
  static constexpr int kStages = kStages_;
  static constexpr int kBlocks = kBlocks_;      // on a multiprocessor
  static constexpr bool kCluster = kCluster_;
  static constexpr int kPlanes = Format::kPlanes;

  static constexpr int kGroups = kTileM / 64;   // warpgroups that multiply
  static constexpr int kThreads = kGroups * 128 + 32;
  static constexpr int kSums = kTileN / 2;      // a thread's

  static constexpr int kPlaneA = kTileM * kRowBytes, kPlaneB = kTileN * kRowBytes;
  static constexpr int kLoad = kPlanes * (kPlaneA + kPlaneB);
  // The result's tile: column blocks of up to 128 bytes, each kTileM rows.
  static constexpr int kOutRow = kTileN * sizeof(Element) < 128 ? kTileN * sizeof(Element) : 128;
  static constexpr int kOutChannels = kOutRow / sizeof(Element);
  static constexpr int kOutBlocks = kTileN / kOutChannels;
  static constexpr int kOutBlock = kTileM * kOutRow;
  static constexpr int kOut = kPlanes * kOutBlocks * kOutBlock;
  static constexpr int kStage = (kLoad > kOut || kCluster ? kLoad : kOut);
  // Of a cluster: fp32 sums, a row's length off a multiple of the banks.
  static constexpr int kSumRow = (kTileN + 4) * 4;
  static constexpr int kShared = kStages * kStage + 1024 + 2 * 8 * kStages;
  static_assert(kStage % 1024 == 0, "the swizzle is a function of the address");
  static_assert(!kCluster || kTileM * kSumRow <= kStages * kStage);
  static_assert(kShared <= 227 * 1024);
};

// Byte within a row of kRow bytes under the swizzle of that width.
template <int kRow>
__device__ __forceinline__ int swizzled(int row, int byte) {
  const int mask = kRow == 128 ? row & 7 : (row >> 1) & 3;
  return row * kRow + (byte ^ (mask << 4));
}

// ---- kernel ---------------------------------------------------------------------------------------------------------

// One warp, one lane: x and w into the stages, in ascending k, then the residual.
template <class T>
__device__ __forceinline__ void load_stages(const CUtensorMap& x, const CUtensorMap& w, const CUtensorMap& residual,
                                            const GemmParams& p, std::uint32_t stages, std::uint32_t full,
                                            std::uint32_t empty, int m0, int n0, int begin, int count) {
  const int image = m0 / (p.oh * p.ow), pixel = m0 % (p.oh * p.ow);
  const int h = pixel / p.ow * p.stride_h + p.lower_h, base_w = pixel % p.ow * p.stride_w + p.lower_w;
  constexpr int kChannels = T::kRowBytes / static_cast<int>(sizeof(typename T::Element));
  const auto load_w = [&](int i) {
    const std::uint32_t barrier = full + i % T::kStages * 8;
    const std::uint32_t to = stages + i % T::kStages * T::kStage + T::kPlanes * T::kPlaneA;
    barrier_arrive_expect(barrier, T::kLoad);
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane)
      load_tile(to + plane * T::kPlaneB, w, barrier, (begin + i) * kChannels, n0, plane);
  };
  int tap = begin / p.channel_steps, c = begin % p.channel_steps;
  int kh = tap / p.filter_w, kw = tap % p.filter_w;
  const auto load_x = [&](int i) {
    const std::uint32_t barrier = full + i % T::kStages * 8, to = stages + i % T::kStages * T::kStage;
#pragma unroll
    for (int plane = 0; plane < T::kPlanes; ++plane)
      load_im2col(to + plane * T::kPlaneA, x, barrier, c * kChannels, base_w, h, image + plane * p.images, kw, kh);
    if (++c == p.channel_steps) {
      c = 0;
      if (++kw == p.filter_w) {
        kw = 0;
        ++kh;
      }
    }
  };
  const auto wait_empty = [&](int i) {
    if (i >= T::kStages) barrier_wait(empty + i % T::kStages * 8, (i / T::kStages - 1) & 1);
  };
  // Weights do not depend on the kernel before this one: their first stages come while it still runs.
  const int first = count < T::kStages ? count : T::kStages;
  for (int i = 0; i < first; ++i) load_w(i);
  wait_for_prerequisites();
  for (int i = 0; i < first; ++i) load_x(i);
  for (int i = first; i < count; ++i) {
    wait_empty(i);
    load_w(i);
    load_x(i);
  }
  if (T::kCluster || p.raw != nullptr) return;
  wait_empty(count);
  const std::uint32_t barrier = full + count % T::kStages * 8, to = stages + count % T::kStages * T::kStage;
  if (!p.has_residual) {
    barrier_arrive(barrier);
    return;
  }
  barrier_arrive_expect(barrier, T::kOut);
  for (int plane = 0; plane < T::kPlanes; ++plane) {
    for (int block = 0; block < T::kOutBlocks; ++block) {
      for (int group = 0; group < T::kGroups; ++group) {
        load_tile(to + (plane * T::kOutBlocks + block) * T::kOutBlock + group * 64 * T::kOutRow, residual, barrier,
                  n0 + block * T::kOutChannels, m0 + group * 64, plane);
      }
    }
  }
}

// One warpgroup: the sums of its 64 pixels over stages [0, count). Thread t holds rows t / 32 · 16 + t % 32 / 4 (+ 8) and
// columns 8 · j + t % 4 · 2 (+ 1) as sum[4 · j + (row's 8) · 2 + (column's 1)].
template <class T>
__device__ __forceinline__ void multiply_stages(typename T::Format::Sum (&sum)[T::kSums], std::uint32_t stages,
                                                std::uint32_t full, std::uint32_t empty, int group, int count,
                                                bool leader) {
  constexpr int kProducts = T::kRowBytes / 32;  // a wgmma takes 32 bytes of k
  for (int i = 0; i < count; ++i) {
    const int stage = i % T::kStages;
    const std::uint32_t a = stages + stage * T::kStage + group * 64 * T::kRowBytes;
    const std::uint32_t b = stages + stage * T::kStage + T::kPlanes * T::kPlaneA;
    barrier_wait(full + stage * 8, (i / T::kStages) & 1);
    if constexpr (T::kPlanes == 1) {
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kProducts; ++k) {
        multiply<typename T::Format>(sum, operand<T::kRowBytes>(a + 32 * k), operand<T::kRowBytes>(b + 32 * k), i + k > 0);
      }
      wgmma_commit();
      // The stage before is read when all but the last group are done; this one stays in flight.
      wgmma_wait<1>();
      if (i > 0 && leader) barrier_arrive(empty + (i - 1) % T::kStages * 8);
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
      if (leader) barrier_arrive(empty + stage * 8);
#pragma unroll
      for (int j = 0; j < T::kSums; ++j) sum[j] += part[j];
    }
  }
  if constexpr (T::kPlanes == 1) {
    wgmma_wait<0>();
    if (leader) barrier_arrive(empty + (count - 1) % T::kStages * 8);
  }
}

template <class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    implicit_gemm_kernel(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,
                         const __grid_constant__ CUtensorMap residual, const __grid_constant__ CUtensorMap out,
                         const __grid_constant__ GemmParams p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL  // other targets of the build have no wgmma; no device but Hopper is given this kernel
  using Element = typename T::Element;
  using Sum = typename T::Format::Sum;
  extern __shared__ std::byte shared[];
  const std::uint32_t stages = (shared_address(shared) + 1023) & ~1023u;
  const std::uint32_t full = stages + T::kStages * T::kStage, empty = full + 8 * T::kStages;
  const int tiles_n = (p.n + T::kTileN - 1) / T::kTileN;
  const int n0 = static_cast<int>(blockIdx.x) % tiles_n * T::kTileN;
  const int m0 = static_cast<int>(blockIdx.x) / tiles_n * T::kTileM;
  const int rank = T::kCluster ? static_cast<int>(cluster_rank()) : 0;
  const int ranks = T::kCluster ? static_cast<int>(gridDim.z) : 1;
  const int begin = p.steps * rank / ranks, count = p.steps * (rank + 1) / ranks - begin;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;

  if (threadIdx.x == 0) {
    for (int i = 0; i < T::kStages; ++i) {
      barrier_init(full + 8 * i, 1);
      barrier_init(empty + 8 * i, T::kGroups);
    }
    fence_barrier_init();
  }
  __syncthreads();
  launch_dependents();

  const bool loads = warp == T::kGroups * 4;
  Sum sum[T::kSums];
  const int group = warp / 4, row = warp % 4 * 16 + lane / 4, column = lane % 4 * 2;
  if (loads) {
    if (lane == 0) load_stages<T>(x, w, residual, p, stages, full, empty, m0, n0, begin, count);
    __syncwarp();
  } else {
#pragma unroll
    for (int i = 0; i < T::kSums; ++i) sum[i] = 0;
    multiply_stages<T>(sum, stages, full, empty, group, count, threadIdx.x % 128 == 0);
  }

  if constexpr (T::kCluster) {
    // All stages are read: in their place, this block's sums.
    std::byte* base = shared + (stages - shared_address(shared));
    if (!loads) {
      if constexpr (T::kGroups > 1) asm volatile("bar.sync 1, %0;" ::"n"(T::kGroups * 128) : "memory");
#pragma unroll
      for (int j = 0; j < T::kTileN / 8; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          *reinterpret_cast<Pack<Sum, 2>*>(base + (group * 64 + row + 8 * half) * T::kSumRow + (8 * j + column) * 4) = {
              sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]};
        }
      }
    }
    cluster_arrive();
    cluster_wait();
    wait_for_prerequisites();  // the residual is read by ordinary loads
    const int first_row = T::kTileM * rank / ranks, last_row = T::kTileM * (rank + 1) / ranks;
    constexpr int kQuads = T::kTileN / 4;
    const auto plane_elements = static_cast<std::size_t>(p.m) * p.n;
    for (int i = first_row * kQuads + static_cast<int>(threadIdx.x); i < last_row * kQuads; i += T::kThreads) {
      const int r = i / kQuads, channel = n0 + i % kQuads * 4, m = m0 + r;
      if (m >= p.m || channel >= p.n) continue;
      Sum total[4] = {};
      for (int other = 0; other < ranks; ++other) {
        const float4 v = load_cluster(in_block(stages + r * T::kSumRow + i % kQuads * 16, other));
        if constexpr (sizeof(Element) == 1) {
          total[0] += __float_as_int(v.x), total[1] += __float_as_int(v.y);
          total[2] += __float_as_int(v.z), total[3] += __float_as_int(v.w);
        } else {
          total[0] += v.x, total[1] += v.y, total[2] += v.z, total[3] += v.w;
        }
      }
      const std::size_t at = static_cast<std::size_t>(m) * p.n + channel;
      if (p.raw != nullptr) {
        for (int e = 0; e < 4 && channel + e < p.n; ++e) p.raw[at + e] = finish_raw(total[e], p, channel + e);
        continue;
      }
      Pack<Element, 4> pack[T::kPlanes];
      for (int plane = 0; plane < T::kPlanes && p.has_residual; ++plane) {
        pack[plane] = *reinterpret_cast<const Pack<Element, 4>*>(static_cast<const Element*>(p.residual) +
                                                                 plane * plane_elements + at);
      }
      finish<typename T::Format, 4>(total, p, channel, pack);
      for (int plane = 0; plane < T::kPlanes; ++plane)
        *reinterpret_cast<Pack<Element, 4>*>(static_cast<Element*>(p.out) + plane * plane_elements + at) = pack[plane];
    }
    cluster_arrive();
    cluster_wait();  // no block may end while another reads its sums
  } else if (!loads) {
    if (p.raw != nullptr) {
#pragma unroll
      for (int i = 0; i < T::kSums; ++i) {
        const int m = m0 + group * 64 + row + (i & 2) * 4, channel = n0 + i / 4 * 8 + column + (i & 1);
        if (m < p.m && channel < p.n) p.raw[static_cast<std::size_t>(m) * p.n + channel] = finish_raw(sum[i], p, channel);
      }
      return;
    }
    const std::uint32_t tile = stages + count % T::kStages * T::kStage;
    std::byte* base = shared + (tile - shared_address(shared)) + group * 64 * T::kOutRow;
    barrier_wait(full + count % T::kStages * 8, (count / T::kStages) & 1);
#pragma unroll
    for (int j = 0; j < T::kTileN / 8; ++j) {
      const int byte = (8 * j + column) * static_cast<int>(sizeof(Element));
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        std::byte* at = base + byte / T::kOutRow * T::kOutBlock + swizzled<T::kOutRow>(row + 8 * half, byte % T::kOutRow);
        Pack<Element, 2> pack[T::kPlanes];
#pragma unroll
        for (int plane = 0; plane < T::kPlanes; ++plane)
          pack[plane] = *reinterpret_cast<const Pack<Element, 2>*>(at + plane * T::kOutBlocks * T::kOutBlock);
        const Sum pair[2] = {sum[4 * j + 2 * half], sum[4 * j + 2 * half + 1]};
        finish<typename T::Format, 2>(pair, p, n0 + 8 * j + column, pack);
#pragma unroll
        for (int plane = 0; plane < T::kPlanes; ++plane)
          *reinterpret_cast<Pack<Element, 2>*>(at + plane * T::kOutBlocks * T::kOutBlock) = pack[plane];
      }
    }
    fence_async_proxy();
    asm volatile("bar.sync %0, 128;" ::"r"(1 + group) : "memory");
    if (threadIdx.x % 128 == 0) {
      for (int plane = 0; plane < T::kPlanes; ++plane) {
        for (int block = 0; block < T::kOutBlocks; ++block) {
          store_tile(out, tile + (plane * T::kOutBlocks + block) * T::kOutBlock + group * 64 * T::kOutRow,
                     n0 + block * T::kOutChannels, m0 + group * 64, plane);
        }
      }
      wait_stores();
    }
  }
#endif
}

}  // namespace resnet::cuda::sm90
