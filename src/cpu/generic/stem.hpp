// The stem: 7x7 convolution of stride 2 on three planes, alone or fused with bn1, ReLU and the 3x3 max pool.
//
// The image is copied once into planes with a border of 3 zeros, so that the micro-kernel walks rows
// without looking at borders; its innermost k is the kernel's column (Inner = 7, neighbouring outputs 2
// floats apart). Fused, a member keeps three convolution rows of all channels (86 KiB on AVX2) and emits a
// pooled row for every two of them, so that the 3.2 MB of conv1's output never leave L2.
#pragma once

#include "cpu/generic/conv.hpp"

namespace resnet::cpu::generic {

inline constexpr int kStemKernel = 7, kStemPadding = 3, kStemInputs = 3;

template <class S>
RESNET_INLINE int stem_side(int side) {
  return (side + 2 * kStemPadding - kStemKernel) / 2 + 1;
}

template <class S>
int padded_image_width(int w) {
  return w + 2 * kStemPadding;
}

template <class S>
void pad_image(const float* nchw, int n, int h, int w, float* padded, int rank, int size) {
  const int padded_w = padded_image_width<S>(w), padded_h = h + 2 * kStemPadding;
  const Share<S> share(static_cast<std::int64_t>(n) * kStemInputs * padded_h, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int plane = unit / padded_h, y = unit % padded_h - kStemPadding;
    float* to = padded + static_cast<std::ptrdiff_t>(unit) * padded_w;
    const bool inside = y >= 0 && y < h;
    const float* from = nchw + (static_cast<std::ptrdiff_t>(plane) * h + (inside ? y : 0)) * w;
    for (int x = 0; x < kStemPadding; ++x) to[x] = to[kStemPadding + w + x] = 0;
    for (int x = 0; x < w; ++x) to[kStemPadding + x] = inside ? from[x] : 0;
  }
}

template <class S>
std::size_t packed_stem_floats(int oc) {
  return static_cast<std::size_t>(kStemInputs) * kStemKernel * kStemKernel * channel_tiles<S>(oc) *
         S::kTileVectors * S::kLanes;
}

// [oc tile][input channel][kernel row][kernel column][V · L]
template <class S>
void pack_stem(const float* oihw, int oc, float* packed) {
  constexpr int kTileChannels = S::kTileVectors * S::kLanes, kK = kStemInputs * kStemKernel * kStemKernel;
  for (int tile = 0; tile < channel_tiles<S>(oc); ++tile) {
    for (int k = 0; k < kK; ++k) {
      for (int o = 0; o < kTileChannels; ++o) {
        const int channel = tile * kTileChannels + o;
        *packed++ = channel < oc ? oihw[channel * kK + k] : 0;
      }
    }
  }
}

// One row of conv1's output, all channels; neighbouring channel blocks are `plane` floats apart in `to`.
template <class S>
void stem_row(const StemArgs& a, int n, int row, float* to, std::ptrdiff_t plane, bool relu) {
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  constexpr int kK = kStemInputs * kStemKernel * kStemKernel;
  const MicroKernel<S>* kernels = micro_kernels<S, 2, kStemKernel>();
  const int padded_w = padded_image_width<S>(a.w), padded_h = a.h + 2 * kStemPadding;
  const Tiling<S> tiling(stem_side<S>(a.w));
  const float* in = a.image + (static_cast<std::ptrdiff_t>(n) * kStemInputs * padded_h + 2 * row) * padded_w;
  for (int tile = 0; tile < channel_tiles<S>(a.out.c); ++tile) {
    const int oc = tile * kTileChannels;
    const TileLoop<S> loop{.blocks = kStemInputs,
                           .block_stride = static_cast<std::ptrdiff_t>(padded_h) * padded_w,
                           .kernel_h = kStemKernel,
                           .kernel_w = 1,
                           .row_stride = padded_w,
                           .plane_stride = plane,
                           .accumulate = false,
                           .finish = true,
                           .scale = a.scale ? a.scale + oc : nullptr,
                           .bias = a.shift ? a.shift + oc : nullptr,
                           .residual_plane_stride = 0,
                           .relu = relu};
    const float* w = a.weights + static_cast<std::ptrdiff_t>(tile) * kK * kTileChannels;
    for (int t = 0; t < tiling.tiles; ++t) {
      kernels[tiling.size(t)](
          loop, in + 2 * tiling.start(t), w,
          to + tile * S::kTileVectors * plane + static_cast<std::ptrdiff_t>(tiling.start(t)) * kLanes,
          nullptr);
    }
  }
}

template <class S>
void stem_conv(const StemArgs& a, int rank, int size) {
  const Strides<S> out(a.out);
  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, row = unit % a.out.h;
    stem_row<S>(a, n, row, pixel(a.out, out, n, row, 0), out.plane, false);
  }
}

// A 3x3, stride 2, padding 1 maximum over the rows there are; `rows` has null where one is outside.
template <class S>
RESNET_INLINE void pool_row(const float* const rows[3], int w, float* to, int out_w) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes;
  const float* top = rows[0] ? rows[0] : rows[1];
  const float* bottom = rows[2] ? rows[2] : rows[1];
  for (int x = 0; x < out_w; ++x) {
    const int centre = 2 * x, left = centre > 0 ? centre - 1 : centre,
              right = centre + 1 < w ? centre + 1 : centre;
    Vec best = S::load(rows[1] + centre * kLanes);
    for (const int column : {left, centre, right}) {
      best = S::max(best, S::load(top + column * kLanes));
      best = S::max(best, S::load(rows[1] + column * kLanes));
      best = S::max(best, S::load(bottom + column * kLanes));
    }
    S::store(to + x * kLanes, best);
  }
}

template <class S>
std::size_t stem_scratch_floats(int w) {
  constexpr int kStemChannels = 64;
  return static_cast<std::size_t>(3) * kStemChannels * stem_side<S>(w);
}

template <class S>
void stem_fused(const StemArgs& a, int rank, int size) {
  constexpr int kLanes = S::kLanes;
  const Strides<S> out(a.out);
  const int conv_h = stem_side<S>(a.h), conv_w = stem_side<S>(a.w), blocks = a.out.c / kLanes;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(conv_w) * kLanes, row_floats = plane * blocks;
  // Row r of conv1 lies in slot r % 3.
  const auto slot = [&](int row) { return a.scratch + row % 3 * row_floats; };
  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  int last_n = -1, computed = -1;  // rows up to `computed` of image last_n are in their slots
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, pooled = unit % a.out.h;
    const int first = 2 * pooled - 1 < 0 ? 0 : 2 * pooled - 1;
    const int last = 2 * pooled + 1 < conv_h ? 2 * pooled + 1 : conv_h - 1;
    if (n != last_n) computed = first - 1, last_n = n;
    for (int row = computed + 1 < first ? first : computed + 1; row <= last; ++row) {
      stem_row<S>(a, n, row, slot(row), plane, true);
    }
    computed = last;
    for (int block = 0; block < blocks; ++block) {
      const float* rows[3];
      for (int i = 0; i < 3; ++i) {
        const int row = 2 * pooled - 1 + i;
        rows[i] = row >= 0 && row < conv_h ? slot(row) + block * plane : nullptr;
      }
      pool_row<S>(rows, conv_w, pixel(a.out, out, n, pooled, 0) + block * out.plane, a.out.w);
    }
  }
}

}  // namespace resnet::cpu::generic
