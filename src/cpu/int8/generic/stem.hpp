// The stem on pixels: 7x7, stride 2, padding 3, alone or with the 3x3 max pool of stride 2 behind it.
//
//   stem_input   normalised planes → pixels, [rows][columns][3] bytes with a frame of the centre pixel
//   each row of the convolution: its pixels' windows, 7 rows of 21 bytes each, side by side (K = 147), and a
//   matrix product with the weights in the same order
//
// A row's windows (112 x 148 bytes at 224x224) and the three rows that the pool needs stay in L1 and L2; the
// convolution's output never leaves them.
#pragma once

#include "cpu/int8/generic/conv.hpp"
#include "cpu/int8/generic/elementwise.hpp"

namespace resnet::cpu::int8::generic {

inline constexpr int kStemKernel = 7, kStemPadding = 3, kStemInputs = 3;
inline constexpr int kWindowRow = kStemKernel * kStemInputs;  // bytes
inline constexpr int kWindowCopy = 32;
inline constexpr int kStemK = kStemKernel * kWindowRow;

// K padded to whole loads.
template <class S>
inline constexpr int kStemDepth = (kStemK + kLoad<S> - 1) / kLoad<S>* kLoad<S>;

template <class S>
RESNET_INLINE int half(int side) {
  return (side - 1) / 2 + 1;
}

template <class S>
RESNET_INLINE std::ptrdiff_t stem_row_bytes(int w) {
  return (static_cast<std::ptrdiff_t>(w) + 2 * kStemPadding) * kStemInputs;
}

template <class S>
std::size_t stem_image_bytes(int h, int w) {
  return static_cast<std::size_t>(stem_row_bytes<S>(w)) * (h + 2 * kStemPadding) + kBlock;
}

template <class S>
void stem_input(const float* nchw, int n, int h, int w, const PixelRule& rule, std::uint8_t* image, int rank,
                int size) {
  constexpr int kStep = 16;
  const std::ptrdiff_t row_bytes = stem_row_bytes<S>(w);
  const int rows = h + 2 * kStemPadding;
  const Share<S> share(static_cast<std::int64_t>(n) * rows, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int picture = unit / rows, y = unit % rows - kStemPadding;
    std::uint8_t* to = image + picture * stem_image_bytes<S>(h, w) + unit % rows * row_bytes;
    const auto frame = [&](std::uint8_t* at, int pixels) {
      for (int x = 0; x < pixels; ++x) {
        for (int c = 0; c < kStemInputs; ++c) *at++ = rule.centre[c];
      }
    };
    if (y < 0 || y >= h) {
      frame(to, w + 2 * kStemPadding);
      continue;
    }
    frame(to, kStemPadding);
    to += kStemPadding * kStemInputs;
    frame(to + w * kStemInputs, kStemPadding);
    const float* from = nchw + (static_cast<std::ptrdiff_t>(picture) * kStemInputs * h + y) * w;
    const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(h) * w;
    for (int x = 0; x < w; x += kStep) {
      std::uint8_t pixels[kStemInputs][kStep];
      const int count = w - x < kStep ? w - x : kStep;
      for (int c = 0; c < kStemInputs; ++c) {
        const float* values = from + c * plane + x;
        float last[kStep] = {};
        if (count < kStep) {
          for (int i = 0; i < count; ++i) last[i] = values[i];
          values = last;
        }
        S::to_pixels(values, rule.mean[c], rule.std[c], pixels[c]);
      }
      std::uint8_t interleaved[kStemInputs * kStep];
      std::uint8_t* at = to + x * kStemInputs;
      S::interleave(pixels, count == kStep ? at : interleaved);
      if (count < kStep) std::memcpy(at, interleaved, static_cast<std::size_t>(count) * kStemInputs);
    }
  }
}

template <class S, int Depth>
std::size_t packed_stem_bytes(int oc) {
  return sizeof(typename S::Weight) * Depth * padded_channels(oc);
}

template <class S, int Depth>
void pack_stem(const std::int8_t* oihw, int oc, void* packed) {
  constexpr int kTaps = kStemKernel * kStemKernel;
  pack_tiles<S>(padded_channels(oc) / kTileChannels<S>, Depth,
                static_cast<typename S::Weight*>(packed), 0, 1, [&](int o, int k) {
                  const int tap = k / kStemInputs, c = k % kStemInputs;
                  return o < oc && k < kStemK ? oihw[(o * kStemInputs + c) * kTaps + tap] : 0;
                });
}

// Products of one row: [w][kStemDepth] windows → [w][64] steps a channel block, `block_stride` elements apart.
template <class S>
void stem_products(const StemArgs& a, const typename S::Element* windows, int w, typename S::Element* out,
                   std::ptrdiff_t block_stride) {
  const auto* kernels = micro_kernels<S, ToSteps<S>, kStemDepth<S>, kStemDepth<S> / kLoad<S>>();
  const Tiling<S> tiling(w);
  const std::ptrdiff_t start = 0;
  for (int oc = 0; oc < a.out.c; oc += kTileChannels<S>) {
    const TileLoop<S> loop{.offsets = &start,
                           .bias = a.requantize.bias + oc,
                           .multiplier = a.requantize.multiplier + oc};
    const auto* weights =
        static_cast<const typename S::Weight*>(a.weights) + static_cast<std::ptrdiff_t>(oc) * kStemDepth<S>;
    for (int t = 0; t < tiling.tiles; ++t) {
      const int x = tiling.start(t);
      kernels[tiling.size(t)](loop, windows + static_cast<std::ptrdiff_t>(x) * kStemDepth<S>, weights,
                              out + oc / kBlock * block_stride + x * kBlock + oc % kBlock, nullptr);
    }
  }
}

// The windows of one row of the convolution, side by side.
template <class S, int Depth>
void gather_windows(const std::uint8_t* image, std::ptrdiff_t row_bytes, int y, int w,
                    typename S::Element* windows) {
  const std::uint8_t* top = image + 2 * y * row_bytes;
  for (int x = 0; x < w; ++x) {
    typename S::Element* to = windows + static_cast<std::ptrdiff_t>(x) * Depth;
    const std::uint8_t* from = top + 2 * x * kStemInputs;
    for (int ky = 0; ky < kStemKernel; ++ky) {
      // A few bytes too many, in whole registers; the next row or pixel writes over them.
      if constexpr (sizeof(*to) == 1) {
        std::memcpy(to + ky * kWindowRow, from + ky * row_bytes, kWindowCopy);
      } else {
        for (int i = 0; i < kWindowCopy; ++i) to[ky * kWindowRow + i] = from[ky * row_bytes + i];
      }
    }
  }
}

// One row's windows and three rows of the convolution's output.
template <class S, int Depth>
std::size_t stem_scratch_bytes(int w, int oc) {
  return sizeof(typename S::Element) * (half<S>(w) * (Depth + 3 * padded_channels(oc)) + kBlock);
}

// Products(args, windows, w, out, block_stride) is stem_products() of the instruction set.
template <class S, int Depth, auto Products>
void stem_with(const StemArgs& a, int rank, int size) {
  using Element = typename S::Element;
  const int conv_h = half<S>(a.h), conv_w = half<S>(a.w), blocks = a.out.c / kBlock;
  const std::ptrdiff_t row_bytes = stem_row_bytes<S>(a.w);
  const Strides<S> out(a.out);
  Element* windows = static_cast<Element*>(a.scratch);
  Element* ring = windows + static_cast<std::ptrdiff_t>(conv_w) * Depth + kBlock;
  const std::ptrdiff_t ring_block = static_cast<std::ptrdiff_t>(conv_w) * kBlock, ring_row = ring_block * blocks;

  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  int picture = -1, done = 0;  // rows of `picture`'s convolution before `done` are in the ring
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, y = unit % a.out.h;
    const std::uint8_t* image = a.image + n * stem_image_bytes<S>(a.h, a.w);
    if (!a.pooled) {
      gather_windows<S, Depth>(image, row_bytes, y, conv_w, windows);
      Products(a, windows, conv_w, pixel(a.out, out, n, y, 0), out.plane);
      continue;
    }
    const int first = 2 * y - 1 < 0 ? 0 : 2 * y - 1, last = 2 * y + 1 < conv_h ? 2 * y + 1 : conv_h - 1;
    if (n != picture) picture = n, done = first;
    for (done = done < first ? first : done; done <= last; ++done) {
      gather_windows<S, Depth>(image, row_bytes, done, conv_w, windows);
      Products(a, windows, conv_w, ring + done % 3 * ring_row, ring_block);
    }
    for (int block = 0; block < blocks; ++block) {
      const Element* rows[3];
      for (int i = 0; i < 3; ++i) {
        const int row = 2 * y - 1 + i;
        rows[i] = row >= first && row <= last ? ring + row % 3 * ring_row + block * ring_block : nullptr;
      }
      max_pool_row<S>(rows, conv_w, a.out.w, pixel(a.out, out, n, y, 0) + block * out.plane);
    }
  }
}

template <class S>
void stem(const StemArgs& a, int rank, int size) {
  stem_with<S, kStemDepth<S>, stem_products<S>>(a, rank, size);
}

}  // namespace resnet::cpu::int8::generic
