// The stem as a direct convolution, for precisions whose elements are too coarse for Winograd's transforms:
// 7x7, stride 2, padding 3 on three planes, alone or fused with bn1, ReLU and the 3x3 max pool of stride 2.
//
//   input         planes → pixels, [rows][columns][3] with a frame of zeros
//   each row of the convolution: 7 pieces of k, one a row of the window: 7 pixels of 3 values, which lie side
//   by side; neighbouring windows start 2 pixels apart
//
// Fused, the three rows that the pool needs stay in a ring that fits L2. They are rounded to elements where
// the modules of the stem put out their tensors, so that fusing changes no bit.
#pragma once

#include "cpu/generic/conv.hpp"
#include "cpu/generic/elementwise.hpp"

namespace resnet::cpu::generic::direct_stem {

inline constexpr int kKernel = 7, kPadding = 3, kInputs = 3, kChannels = 64, kRing = 3;
inline constexpr int kWindowRow = kKernel * kInputs;  // values of k in a piece
inline constexpr int kPixelStride = 2 * kInputs;      // between the windows of neighbouring outputs
inline constexpr int kTail = 32;                      // zeros behind an image, for loads of whole vectors

template <class S>
RESNET_INLINE int conv_side(int side) {
  return (side + 2 * kPadding - kKernel) / 2 + 1;
}
template <class S>
RESNET_INLINE std::ptrdiff_t row_elements(int w) {
  return static_cast<std::ptrdiff_t>(w + 2 * kPadding) * kInputs;
}
template <class S>
RESNET_INLINE std::ptrdiff_t image_elements(int h, int w) {
  return (row_elements<S>(w) * (h + 2 * kPadding) + 2 * kTail - 1) / kTail * kTail;
}

template <class S>
std::size_t image_bytes(int h, int w) {
  return sizeof(typename S::Element) * image_elements<S>(h, w);
}

template <class S>
void input(const float* nchw, int n, int h, int w, void* image, int rank, int size) {
  using Element = typename S::Element;
  const int rows = h + 2 * kPadding;
  const std::ptrdiff_t row = row_elements<S>(w), plane = static_cast<std::ptrdiff_t>(h) * w;
  const Share<S> share(static_cast<std::int64_t>(n) * rows, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int picture = unit / rows, y = unit % rows - kPadding;
    Element* const start = static_cast<Element*>(image) + picture * image_elements<S>(h, w);
    Element* to = start + (unit % rows) * row;
    // The last row's end, and all behind it.
    Element* const end = y == h + kPadding - 1 ? start + image_elements<S>(h, w) : to + row;
    if (y < 0 || y >= h) {
      while (to < end) *to++ = S::to_element(0);
      continue;
    }
    for (int i = 0; i < kPadding * kInputs; ++i) {
      *to++ = S::to_element(0);
      end[-1 - i] = S::to_element(0);
    }
    S::interleave(nchw + picture * kInputs * plane + static_cast<std::ptrdiff_t>(y) * w, plane, w, to);
  }
}

template <class S>
std::size_t packed_bytes(int oc) {
  return sizeof(typename S::Element) * kKernel * kWindowRow * channel_tiles<S>(oc) * S::kTileVectors *
         S::kLanes;
}

// [oc tile][window row][21][V · L]
template <class S>
void pack(const float* oihw, int oc, void* packed) {
  constexpr int kTileChannels = S::kTileVectors * S::kLanes;
  auto* w = static_cast<typename S::Element*>(packed);
  for (int tile = 0; tile < channel_tiles<S>(oc); ++tile) {
    for (int k = 0; k < kKernel * kWindowRow; ++k) {
      const int tap = k / kInputs, plane = k % kInputs;
      for (int o = tile * kTileChannels; o < (tile + 1) * kTileChannels; ++o)
        *w++ = S::to_element(o < oc ? oihw[(o * kInputs + plane) * kKernel * kKernel + tap] : 0.0f);
    }
  }
}

// bn1 and ReLU over one row of all channels, in place.
template <class S>
RESNET_INLINE void normalise_row(const StemArgs& a, typename S::Element* row, int w, std::ptrdiff_t plane) {
  for (int channel = 0; channel < a.out.c; channel += S::kLanes, row += plane) {
    const auto scale = S::load(a.scale + channel), shift = S::load(a.shift + channel);
    for (int x = 0; x < w * S::kLanes; x += S::kLanes)
      S::store(row + x, S::max(S::fma(S::load(row + x), scale, shift), S::zero()));
  }
}

// One row of conv1's output, with bn1 and ReLU behind it where the arguments have them: `w` pixels from the
// window that starts at `window`, channel blocks of `out` `plane` elements apart.
template <class S>
void products(const StemArgs& a, const typename S::Element* window, int w, typename S::Element* out,
              std::ptrdiff_t plane) {
  using Element = typename S::Element;
  constexpr int kTileChannels = S::kTileVectors * S::kLanes;
  const auto* kernels = micro_kernels<S, Element, kPixelStride, kWindowRow>();
  const Element* weights = static_cast<const Element*>(a.weights);
  const Tiling<S> tiling(w);
  std::ptrdiff_t offsets[kKernel];
  for (int ky = 0; ky < kKernel; ++ky) offsets[ky] = ky * row_elements<S>(a.w);
  const TileLoop<S> loop{.pieces = kKernel,
                         .offsets = offsets,
                         .plane_stride = plane,
                         .accumulate = false,
                         .finish = false,
                         .bias = nullptr,
                         .residual_plane_stride = 0,
                         .relu = false,
                         .prefetch = weights};
  for (int tile = 0; tile < a.out.c / kTileChannels; ++tile) {
    const Element* tile_weights = weights + tile * kKernel * kWindowRow * kTileChannels;
    for (int t = 0; t < tiling.tiles; ++t) {
      const int first = tiling.start(t);
      kernels[tiling.size(t)](loop, window + first * kPixelStride, tile_weights,
                              out + tile * S::kTileVectors * plane + first * S::kLanes, nullptr);
    }
  }
  if (a.scale != nullptr) normalise_row<S>(a, out, w, plane);
}

// kRing rows of conv1.
template <class S>
std::size_t scratch_bytes(int w) {
  return sizeof(typename S::Element) * kRing * kChannels * conv_side<S>(w);
}

// Products is products() of the instruction set.
template <class S, auto Products>
void conv(const StemArgs& a, int rank, int size) {
  const Strides<S> out(a.out);
  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, y = unit % a.out.h;
    const auto* image = static_cast<const typename S::Element*>(a.image) + n * image_elements<S>(a.h, a.w);
    Products(a, image + 2 * y * row_elements<S>(a.w), a.out.w, pixel(a.out, out, n, y, 0), out.plane);
  }
}

template <class S, auto Products>
void fused(const StemArgs& a, int rank, int size) {
  using Element = typename S::Element;
  const Strides<S> out(a.out);
  const int conv_h = conv_side<S>(a.h), conv_w = conv_side<S>(a.w), blocks = a.out.c / S::kLanes;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(conv_w) * S::kLanes;
  Element* const ring = static_cast<Element*>(a.scratch);
  const auto slot = [&](int row) { return ring + row % kRing * plane * blocks; };
  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  int picture = -1, next = 0;  // rows of `picture`'s convolution before `next` are in the ring
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, pooled = unit % a.out.h;
    const auto* image = static_cast<const Element*>(a.image) + n * image_elements<S>(a.h, a.w);
    const int first = 2 * pooled - 1 < 0 ? 0 : 2 * pooled - 1;
    const int last = 2 * pooled + 1 < conv_h ? 2 * pooled + 1 : conv_h - 1;
    if (n != picture) next = first, picture = n;
    for (; next <= last; ++next)
      Products(a, image + 2 * next * row_elements<S>(a.w), conv_w, slot(next), plane);
    for (int block = 0; block < blocks; ++block) {
      const auto row_at = [&](int row) { return slot(row) + block * plane; };
      pool_row<S>(row_at, conv_h, conv_w, pooled, pixel(a.out, out, n, pooled, 0) + block * out.plane,
                  a.out.w);
    }
  }
}

}  // namespace resnet::cpu::generic::direct_stem
