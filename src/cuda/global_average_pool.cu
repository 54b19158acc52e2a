// Global average pooling.
//
//   y[n][c] = mean over h, w of x[n][h][w][c]      int8: clamp(rne(f32(Σ x) ⊗ m_p)), docs/int8.md, rule 7
//
// A warp owns 32 neighbouring channels of an image, a lane one of them, so that reads are coalesced; a block
// has 8 warps, each with every eighth pixel, whose sums are added in order: the same bits for every batch.
// Bound at batch 1: the latency of pixels / 8 dependent additions; for large batches memory. Test: ctest -R
// cuda.global_average_pool; time: resnet bench --device cuda --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

namespace resnet::cuda {
namespace {

constexpr int kLanes = 32, kWarps = kThreads / kLanes;

template <class Format>
__global__ void global_average_pool_kernel(const typename Format::Element* __restrict__ in, int n, int pixels,
                                           int c, float multiplier,
                                           typename Format::Element* __restrict__ out) {
  __shared__ float sums[kWarps][kLanes];
  wait_for_prerequisites();
  launch_dependents();
  const int lane = static_cast<int>(threadIdx.x) % kLanes, warp = static_cast<int>(threadIdx.x) / kLanes;
  const std::size_t item = blockIdx.x * static_cast<std::size_t>(kLanes) + lane;  // of n · c
  const std::size_t image = item / c, channel = item % c;
  const std::size_t plane = static_cast<std::size_t>(n) * pixels * c;
  float sum = 0;  // int8: whole numbers below 2^24, exact
#pragma unroll 8
  for (int p = warp; p < pixels; p += kWarps)
    sum += load_value<Format>(in, (image * pixels + p) * c + channel, plane);
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return;
  for (int k = 1; k < kWarps; ++k) sum += sums[k][lane];
  if constexpr (sizeof(typename Format::Element) == 1) {
    out[item] = round_to_u8(__fmul_rn(sum, multiplier));
  } else {
    store_value<Format>(sum / static_cast<float>(pixels), out, item, static_cast<std::size_t>(n) * c);
  }
}

}  // namespace

void global_average_pool(Precision precision, const Activation& in, float multiplier, const Activation& out,
                         cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    // Channels are a multiple of a warp's lanes in every ResNet.
    launch(global_average_pool_kernel<Format>, out.elements() * kWarps, stream,
           static_cast<const typename Format::Element*>(in.data), in.n, in.h * in.w, in.c, multiplier,
           static_cast<typename Format::Element*>(out.data));
  });
}

}  // namespace resnet::cuda
