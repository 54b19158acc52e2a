// Ways into and out of a network that begins or ends between two modules: fp32 NCHW ↔ activations, and the
// stem's bn1 and ReLU as modules of their own.
//
//   enter: out[n][y][x][c] = in[n][c][y][x]        int8: clamp(rne(in / scale)) to 0…255
//   leave: out[n][c][y][x] = in[n][y][x][c]        int8: in · scale
//
// A thread owns one element of what is written, so that writes are coalesced; these kernels run once at an
// end of a session that does not own the whole network, never inside it. Bound: memory. Test: ctest -R
// cuda_precision
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

namespace resnet::cuda {
namespace {

template <class Format>
__global__ void enter_kernel(const float* __restrict__ input, std::size_t elements, int c, int pixels,
                             float scale, typename Format::Element* __restrict__ out) {
  wait_for_prerequisites();
  launch_dependents();
  const std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x;
  if (i >= elements) return;
  const std::size_t image = i / c / pixels, pixel = i / c % pixels, channel = i % c;
  const float v = input[(image * c + channel) * pixels + pixel];
  if constexpr (sizeof(typename Format::Element) == 1) {
    out[i] = round_to_u8(__fdiv_rn(v, scale));
  } else {
    store_value<Format>(v, out, i, elements);
  }
}

template <class Format>
__global__ void leave_kernel(const typename Format::Element* __restrict__ in, std::size_t elements, int c,
                             int pixels, float scale, float* __restrict__ output) {
  wait_for_prerequisites();
  launch_dependents();
  const std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x;
  if (i >= elements) return;
  const std::size_t image = i / pixels / c, channel = i / pixels % c, pixel = i % pixels;
  const float v = load_value<Format>(in, (image * pixels + pixel) * c + channel, elements);
  output[i] = sizeof(typename Format::Element) == 1 ? __fmul_rn(v, scale) : v;
}

__global__ void stem_tail_kernel(const float* __restrict__ input, std::size_t elements, int c, int pixels,
                                 StemTail tail, float* __restrict__ output) {
  wait_for_prerequisites();
  launch_dependents();
  const std::size_t i = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x;
  if (i >= elements) return;
  const std::size_t image = i / pixels / c, channel = i / pixels % c, pixel = i % pixels;
  float v = input[tail.channels_last ? (image * pixels + pixel) * c + channel : i];
  if (tail.bn) v = fmaf(v, tail.scale[channel], tail.shift[channel]);
  output[i] = tail.relu ? fmaxf(v, 0.0f) : v;
}

}  // namespace

void enter(Precision precision, const float* input, float scale, const Activation& out, cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    launch(enter_kernel<Format>, out.elements(), stream, input, out.elements(), out.c, out.h * out.w, scale,
           static_cast<typename Format::Element*>(out.data));
  });
}

void leave(Precision precision, const Activation& in, float scale, float* output, cudaStream_t stream) {
  with_format(precision, [&](auto format) {
    using Format = decltype(format);
    launch(leave_kernel<Format>, in.elements(), stream, static_cast<const typename Format::Element*>(in.data),
           in.elements(), in.c, in.h * in.w, scale, output);
  });
}

void stem_tail(const float* input, int n, int c, int pixels, const StemTail& tail, float* output,
               cudaStream_t stream) {
  const std::size_t elements =
      static_cast<std::size_t>(n) * static_cast<std::size_t>(c) * static_cast<std::size_t>(pixels);
  launch(stem_tail_kernel, elements, stream, input, elements, c, pixels, tail, output);
}

}  // namespace resnet::cuda
