// Global average pooling.
//
//   y[n][c] = mean over h, w of x[n][h][w][c]      int8: clamp(rne(f32(Σ x) ⊗ m_p)), docs/int8.md, rule 7
//
// A lane owns four neighbouring channels of an image, so that a warp reads 256 bytes (int8: 128) at a time; a
// block has 8 warps, each with every eighth pixel, whose sums are added in order: the same bits for every
// batch. Bound at batch 1: the latency of pixels / 8 reads; for large batches memory. Test: ctest -R
// cuda_precision; time: resnet bench --device cuda --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

namespace resnet::cuda {
namespace {

constexpr int kLanes = 32, kWarps = kThreads / kLanes, kChannels = 4;

template <class Format>
__global__ void global_average_pool_kernel(const typename Format::Element* __restrict__ in, int n, int pixels,
                                           int c, float multiplier,
                                           typename Format::Element* __restrict__ out) {
  using Element = typename Format::Element;
  using Group = Pack<Element, kChannels>;
  __shared__ float sums[kWarps][kLanes][kChannels];
  wait_for_prerequisites();
  launch_dependents();
  const int lane = static_cast<int>(threadIdx.x) % kLanes, warp = static_cast<int>(threadIdx.x) / kLanes;
  const std::size_t groups = static_cast<std::size_t>(c) / kChannels;
  const std::size_t item = blockIdx.x * static_cast<std::size_t>(kLanes) + lane;  // of n · groups
  const std::size_t image = item / groups, group = item % groups, plane = n * pixels * groups;
  float sum[kChannels] = {};  // int8: whole numbers below 2^24, exact
#pragma unroll 8
  for (int p = warp; p < pixels; p += kWarps) {
    const Group* at = reinterpret_cast<const Group*>(in) + (image * pixels + p) * groups + group;
    Group here[Format::kPlanes];
#pragma unroll
    for (int k = 0; k < Format::kPlanes; ++k) here[k] = at[k * plane];
#pragma unroll
    for (int e = 0; e < kChannels; ++e) {
      if constexpr (sizeof(Element) == 1) {
        sum[e] += from_u8(here[0].e[e]);
      } else if constexpr (Format::kPlanes == 2) {
        sum[e] += Format::widen(here[0].e[e]) + Format::widen(here[1].e[e]);
      } else {
        sum[e] += Format::widen(here[0].e[e]);
      }
    }
  }
  for (int e = 0; e < kChannels; ++e) sums[warp][lane][e] = sum[e];
  __syncthreads();
  if (warp != 0) return;
  for (int e = 0; e < kChannels; ++e) {
    for (int k = 1; k < kWarps; ++k) sum[e] += sums[k][lane][e];
    const std::size_t at = item * kChannels + e;
    if constexpr (sizeof(Element) == 1) {
      out[at] = round_to_u8(__fmul_rn(sum[e], multiplier));
    } else {
      store_value<Format>(sum[e] / static_cast<float>(pixels), out, at, static_cast<std::size_t>(n) * c);
    }
  }
}

}  // namespace

void global_average_pool(Precision precision, const Activation& in, float multiplier, const Activation& out,
                         cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    // Channels are a multiple of a warp's 128 in every ResNet.
    launch(global_average_pool_kernel<Format>, out.elements() / kChannels * kWarps, stream,
           static_cast<const typename Format::Element*>(in.data), in.n, in.h * in.w, in.c, multiplier,
           static_cast<typename Format::Element*>(out.data));
  });
}

}  // namespace resnet::cuda
