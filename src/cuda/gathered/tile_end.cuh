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
#pragma unroll 2  // the loads of the next chunk are on their way while one is added
  for (int chunk = 0; chunk < static_cast<int>(gridDim.y); ++chunk) {
    const Sum* from = words(chunk);
#pragma unroll
    for (int i = 0; i < kSums; ++i) sum[i] += __ldcg(from + i * kThreads);
  }
  return true;
}

// kRun neighbouring channels of kPixels output pixels, pixel(i) and sums(i) each; All of
// the residual is on its way before the first result is written: the compiler may not move a load before a
// store.
template <class Format, int kRun, int kPixels, class Pixel, class Sums>
__device__ __forceinline__ void write_runs(const ConvolutionParams& p, int channel, const Pixel& pixel,
                                           const Sums& sums) {
  using Element = typename Format::Element;
  using Run = Pack<Element, kRun>;
  if (channel >= p.n) return;
  const std::size_t plane = static_cast<std::size_t>(p.m) * p.n;
  const auto place = [&](int i) { return static_cast<std::size_t>(pixel(i)) * p.n + channel; };
  if (p.raw != nullptr) {
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (pixel(i) >= p.m) continue;
#pragma unroll
      for (int e = 0; e < kRun; ++e) {
        if (channel + e < p.n) p.raw[place(i) + e] = finish_raw(sums(i, e), p, channel + e);
      }
    }
    return;
  }
  const Affine<kRun> affine = load_affine<kRun>(p, channel);
  Run runs[kPixels][Format::kPlanes] = {};
  if (p.has_residual) {
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
#pragma unroll
      for (int k = 0; k < Format::kPlanes; ++k) {
        if (pixel(i) < p.m)
          runs[i][k] =
              *reinterpret_cast<const Run*>(static_cast<const Element*>(p.residual) + k * plane + place(i));
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kPixels; ++i) {
    typename Format::Sum values[kRun];
#pragma unroll
    for (int e = 0; e < kRun; ++e) values[e] = sums(i, e);
    finish<Format, kRun>(values, p, affine, runs[i]);
#pragma unroll
    for (int k = 0; k < Format::kPlanes; ++k) {
      if (pixel(i) < p.m)
        *reinterpret_cast<Run*>(static_cast<Element*>(p.out) + k * plane + place(i)) = runs[i][k];
    }
  }
}

}  // namespace resnet::cuda::gathered
