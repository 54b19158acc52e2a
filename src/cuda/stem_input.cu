// The stem's input: fp32 NCHW → padded NHWC pixels of 4 (int8: 8) elements.
//
//   out[n][y + 3][x + 3][c] = in[n][c][y][x]; zeros around it and in the spare channels.
//   int8: rne((x ⊗ std ⊕ mean) ⊗ 255), clamped, and the pixel that padding stands for around it
//   (docs/int8.md, rule 2).
//
// A thread owns one padded pixel: three coalesced reads, one write of 8 bytes. Bound: memory, 12 bytes read
// and 8 (fp32: 16) written a pixel. Test: ctest -R cuda_precision; time: resnet bench --device cuda --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

namespace resnet::cuda {
namespace {

template <class Format>
__global__ void pack_stem_input_kernel(const float* __restrict__ input, int n, int h, int w, int rows,
                                       int width, PixelRule rule,
                                       typename Format::Element* __restrict__ out) {
  using Element = typename Format::Element;
  constexpr int kChannels = sizeof(Element) == 1 ? 8 : 4;
  wait_for_prerequisites();
  launch_dependents();
  const std::size_t pixels = static_cast<std::size_t>(n) * rows * width;
  const std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x;
  if (i >= pixels) return;
  const int x = static_cast<int>(i % width) - 3, y = static_cast<int>(i / width % rows) - 3;
  const std::size_t image = i / width / rows, plane = static_cast<std::size_t>(h) * w;
  const bool inside = x >= 0 && x < w && y >= 0 && y < h;
  Pack<Element, kChannels> pack[Format::kPlanes] = {};
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const float v = inside ? input[(image * 3 + c) * plane + static_cast<std::size_t>(y) * w + x] : 0.0f;
    if constexpr (sizeof(Element) == 1) {
      pack[0].e[c] = inside ? pixel_of(v, rule.mean[c], rule.std[c]) : rule.centre[c];
    } else if constexpr (Format::kPlanes == 2) {
      split(v, pack[0].e[c], pack[1].e[c]);
    } else {
      pack[0].e[c] = Format::narrow(v);
    }
  }
#pragma unroll
  for (int p = 0; p < Format::kPlanes; ++p)
    reinterpret_cast<Pack<Element, kChannels>*>(out)[p * pixels + i] = pack[p];
}

}  // namespace

void pack_stem_input(Precision precision, const float* input, const StemInput& out, const PixelRule& rule,
                     cudaStream_t stream) {
  const std::size_t pixels =
      out.elements(precision) / static_cast<std::size_t>(StemInput::channels(precision));
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    launch(pack_stem_input_kernel<Format>, pixels, stream, input, out.n, out.h, out.w, out.rows(),
           out.width(), rule, static_cast<typename Format::Element*>(out.data));
  });
}

}  // namespace resnet::cuda
