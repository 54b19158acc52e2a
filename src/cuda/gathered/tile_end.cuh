// What follows the sums of a tile in the families mma and simt: the sums of other blocks where k is split,
// and the result.
#pragma once

#include "cuda/epilogue.cuh"
#include "cuda/gathered/params.hpp"

namespace resnet::cuda::gathered {

// A block leaves its sums and counts itself; the last of a tile's blocks adds them all up, chunks ascending,
// and returns true with the result in `sum`. The order is the same whoever is last, and so are the bits. A
// thread reads what the threads of its number wrote: neighbouring threads are neighbouring words.
template <int kThreads, class Sum, int kSums>
__device__ __forceinline__ bool add_up_chunks(const ConvolutionParams& p, Sum (&sum)[kSums]) {
  __shared__ bool last;
  const auto tile = static_cast<std::size_t>(blockIdx.x);
  const auto words = [&](int chunk) {
    return static_cast<Sum*>(p.sums) + (tile * gridDim.y + chunk) * kSums * kThreads + threadIdx.x;
  };
  Sum* mine = words(static_cast<int>(blockIdx.y));
#pragma unroll
  for (int i = 0; i < kSums; ++i) mine[i * kThreads] = sum[i];
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(p.arrived + tile, 1u) == gridDim.y - 1;
    if (last) p.arrived[tile] = 0;
  }
  __syncthreads();
  if (!last) return false;
  __threadfence();
#pragma unroll
  for (int i = 0; i < kSums; ++i) sum[i] = 0;
  for (int chunk = 0; chunk < static_cast<int>(gridDim.y); ++chunk) {
    const Sum* from = words(chunk);
#pragma unroll
    for (int i = 0; i < kSums; ++i) sum[i] += __ldcg(from + i * kThreads);
  }
  return true;
}

// kRun neighbouring channels of output pixel m. `affine` is that of these channels.
template <class Format, int kRun>
__device__ __forceinline__ void write_run(const ConvolutionParams& p, const Affine<kRun>& affine, int m,
                                          int channel, const typename Format::Sum (&sum)[kRun]) {
  using Run = Pack<typename Format::Element, kRun>;
  if (m >= p.m || channel >= p.n) return;
  const std::size_t at = static_cast<std::size_t>(m) * p.n + channel,
                    plane = static_cast<std::size_t>(p.m) * p.n;
  if (p.raw != nullptr) {
#pragma unroll
    for (int e = 0; e < kRun; ++e) {
      if (channel + e < p.n) p.raw[at + e] = finish_raw(sum[e], p, channel + e);
    }
    return;
  }
  Run run[Format::kPlanes];
  if (p.has_residual) {
#pragma unroll
    for (int k = 0; k < Format::kPlanes; ++k)
      run[k] = *reinterpret_cast<const Run*>(static_cast<const typename Format::Element*>(p.residual) +
                                             k * plane + at);
  }
  finish<Format, kRun>(sum, p, affine, run);
#pragma unroll
  for (int k = 0; k < Format::kPlanes; ++k)
    *reinterpret_cast<Run*>(static_cast<typename Format::Element*>(p.out) + k * plane + at) = run[k];
}

}  // namespace resnet::cuda::gathered
