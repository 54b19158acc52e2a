// Max pooling, 3 × 3, stride 2, padding 1 (which never wins: every window holds a pixel, and all are compared
// with one).
//
//   y[n][oh][ow][c] = max over kh, kw of x[n][2·oh − 1 + kh][2·ow − 1 + kw][c]
//
// A thread owns eight neighbouring channels of one output pixel: nine reads of 16 bytes (int8: 8), coalesced
// over channels; two thirds of them come from L1 or L2. Bound: memory, the input once and the output once.
// Test: ctest -R cuda_precision; time: resnet bench --device cuda --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

namespace resnet::cuda {
namespace {

constexpr int kChannels = 8;

template <class Format>
__global__ void max_pool_kernel(const typename Format::Element* __restrict__ in, int n, int h, int w, int c,
                                int oh, int ow, typename Format::Element* __restrict__ out) {
  using Group = Pack<typename Format::Element, kChannels>;
  wait_for_prerequisites();
  launch_dependents();
  const int groups = c / kChannels;
  const std::size_t out_plane = static_cast<std::size_t>(n) * oh * ow * groups;
  const std::size_t in_plane = static_cast<std::size_t>(n) * h * w * groups;
  const std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x;
  if (i >= out_plane) return;
  const int group = static_cast<int>(i % groups);
  const int x0 = static_cast<int>(i / groups % ow) * 2 - 1,
            y0 = static_cast<int>(i / groups / ow % oh) * 2 - 1;
  const std::size_t image = i / groups / ow / oh;
  const auto load = [&](int y, int x, Group(&values)[Format::kPlanes]) {
    const std::size_t at = ((image * h + y) * w + x) * groups + group;
#pragma unroll
    for (int p = 0; p < Format::kPlanes; ++p)
      values[p] = reinterpret_cast<const Group*>(in)[p * in_plane + at];
  };
  Group values[Format::kPlanes];
  load(y0 + 1, x0 + 1, values);  // a window's centre is always a pixel of the picture
  Greatest<Format, kChannels> best(values);
  for (int y = max(y0, 0); y < min(y0 + 3, h); ++y) {
    for (int x = max(x0, 0); x < min(x0 + 3, w); ++x) {
      load(y, x, values);
      best.meet(values);
    }
  }
  best.get(values);
#pragma unroll
  for (int p = 0; p < Format::kPlanes; ++p) reinterpret_cast<Group*>(out)[p * out_plane + i] = values[p];
}

}  // namespace

void max_pool(Precision precision, const Activation& in, const Activation& out, cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    launch(max_pool_kernel<Format>, out.elements() / kChannels, stream,
           static_cast<const typename Format::Element*>(in.data), in.n, in.h, in.w, in.c, out.h, out.w,
           static_cast<typename Format::Element*>(out.data));
  });
}

}  // namespace resnet::cuda
