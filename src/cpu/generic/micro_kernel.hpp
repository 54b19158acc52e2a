// The one inner loop of the cpu backend: a tile of R pixels x V vectors of output channels.
//
//   out[p][oc] = Σ_k in[p, k] · w[k][oc]
//
// R · V accumulators live in registers; each step of k loads V weight vectors and broadcasts R input
// values, for R · V fused multiply-adds. Per step that is R + V loads against R · V FMAs: on AVX2 (6 x 2)
// 8 loads for 12 FMAs, on AVX-512 (14 x 2) 16 for 28, so with weights and input in L1 the two FMA ports are
// the bound. (AVX-512 can broadcast inside the FMA. That saves 14 instructions a step but adds as many loads:
// ResNet-50 took 35.3 ms instead of 33.3 on Emerald Rapids, 2026-11-21.) All pixel offsets are compile-time
// constants, so a tile needs one input pointer.
//
// Direct convolution, Winograd's products, the stem and the fully connected layer all run on it; they
// differ in the strides of `in` and in how many consecutive values an (input block, tap) pair holds.
#pragma once

#include "cpu/generic/sharing.hpp"
#include "cpu/kernels.hpp"

namespace resnet::cpu::generic {

// S::Element is how activations and weights lie in memory (float or Bf16); S::Vec is S::kLanes floats, and
// sums are always fp32.
template <class S>
inline constexpr int kCacheLine = 64 / sizeof(typename S::Element);  // elements

// Strides and epilogue of a tile, the same for all tiles of a loop.
template <class S>
struct TileLoop {
  int pieces;                     // (channel block, tap) pairs in this chunk of k
  const std::ptrdiff_t* offsets;  // of each piece's first value from `in`
  std::ptrdiff_t plane_stride;    // elements between vectors of output channels in the output
  bool accumulate;                // start from what `out` holds (a later chunk of k) instead of zero
  bool finish;                    // last chunk: apply the epilogue
  const float* bias;              // per output channel of this tile, or null
  std::ptrdiff_t residual_plane_stride;
  bool relu;
  // What the next tile will read, fetched while this one computes: weights come from L3 or memory in one
  // stream, the next input from L2, and neither is there in time without being asked for. From `prefetch` on,
  // `prefetch_step` elements with every k: evenly, because a burst of prefetches fills the core's few line
  // buffers and stalls its loads. The input `input_ahead` elements ahead (0: none).
  const typename S::Element* prefetch = nullptr;
  std::ptrdiff_t prefetch_step = 0;
  std::ptrdiff_t input_ahead = 0;
};

// Tile t of `tiles` fetches its share of the next tile's weights, which lie at `next`: k rows of V · L
// elements.
template <class S>
RESNET_INLINE void share_prefetch(TileLoop<S>& loop, const typename S::Element* next, int k, int t,
                                  int tiles) {
  constexpr int kRow = S::kTileVectors * S::kLanes;
  const int step = (kRow + tiles - 1) / tiles;
  const bool left = t * step < kRow;
  loop.prefetch = left ? next + static_cast<std::ptrdiff_t>(t) * k * step : next;
  loop.prefetch_step = left ? step : 0;
}

// Inner: consecutive k of one (block, tap): L lanes of a blocked activation, the stem's 12 phases, or 21
// values of a row of its window. PixelStride: elements between the inputs of neighbouring output pixels. Out:
// the type of what is stored, S::Element or float.
template <class S, class Out, int R, int PixelStride, int Inner>
void micro_kernel(const TileLoop<S>& loop, const typename S::Element* in, const typename S::Element* w,
                  Out* out, const typename S::Element* residual) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, V = S::kTileVectors;
  constexpr int kUnroll = Inner <= 12 ? Inner : Inner % 8 == 0 ? 8 : 7;
  static_assert(Inner % kUnroll == 0);
  for (int line = 0; line < R * kLanes; line += static_cast<int>(64 / sizeof(Out))) {
    unroll<S, V>([&](auto v) __attribute__((always_inline)) {
      S::prefetch_write(out + v * loop.plane_stride + line);
    });
  }
  Vec acc[R][V];
  if (loop.accumulate) {
    unroll<S, R>([&](auto p) __attribute__((always_inline)) {
      unroll<S, V>([&](auto v) __attribute__((always_inline)) {
        acc[p][v] = S::load(out + v * loop.plane_stride + p * kLanes);
      });
    });
  } else {
    unroll<S, R>([&](auto p) __attribute__((always_inline)) {
      unroll<S, V>([&](auto v) __attribute__((always_inline)) { acc[p][v] = S::zero(); });
    });
  }
  const typename S::Element* ahead = loop.prefetch;
  const std::ptrdiff_t* const offsets = loop.offsets;
  for (int piece = 0; piece < loop.pieces; ++piece) {
    const typename S::Element* x = in + offsets[piece];
    if (loop.input_ahead != 0) {
      for (int line = 0; line < R * PixelStride; line += kCacheLine<S>)
        S::prefetch(x + loop.input_ahead + line);
    }
    for (int first = 0; first < Inner; first += kUnroll) {
      unroll<S, kUnroll>([&](auto i) __attribute__((always_inline)) {
        Vec weight[V];
        S::prefetch(ahead);
        ahead += loop.prefetch_step;
        unroll<S, V>([&](auto v)
                         __attribute__((always_inline)) { weight[v] = S::load(w + (i * V + v) * kLanes); });
        unroll<S, R>([&](auto p) __attribute__((always_inline)) {
          const Vec value = S::broadcast(x + p * PixelStride + i);
          unroll<S, V>([&](auto v) __attribute__((always_inline)) {
            acc[p][v] = S::accumulate(acc[p][v], value, weight[v]);
          });
        });
      });
      x += kUnroll;
      w += kUnroll * V * kLanes;
    }
  }
  if (loop.finish) {
    unroll<S, V>([&](auto v) __attribute__((always_inline)) {
      if (loop.bias) {
        const Vec bias = S::load(loop.bias + v * kLanes);
        unroll<S, R>([&](auto p) __attribute__((always_inline)) { acc[p][v] = S::add(acc[p][v], bias); });
      }
      if (residual) {
        unroll<S, R>([&](auto p) __attribute__((always_inline)) {
          acc[p][v] = S::add(acc[p][v], S::load(residual + v * loop.residual_plane_stride + p * kLanes));
        });
      }
      if (loop.relu) {
        unroll<S, R>([&](auto p)
                         __attribute__((always_inline)) { acc[p][v] = S::max(acc[p][v], S::zero()); });
      }
    });
  }
  unroll<S, R>([&](auto p) __attribute__((always_inline)) {
    unroll<S, V>([&](auto v) __attribute__((always_inline)) {
      S::store(out + v * loop.plane_stride + p * kLanes, acc[p][v]);
    });
  });
}

template <class S, class Out>
using MicroKernel = void (*)(const TileLoop<S>&, const typename S::Element* in, const typename S::Element* w,
                             Out* out, const typename S::Element* residual);

// micro_kernels<S, Out, PixelStride, Inner>()[R] for R = 1 … S::kTilePixels.
template <class S, class Out, int PixelStride, int Inner>
const MicroKernel<S, Out>* micro_kernels() {
  static constexpr auto table = []<int... R>(std::integer_sequence<int, R...>) {
    struct Table {
      MicroKernel<S, Out> entry[S::kTilePixels + 1];
    };
    return Table{{nullptr, micro_kernel<S, Out, R + 1, PixelStride, Inner>...}};
  }
  (std::make_integer_sequence<int, S::kTilePixels>{});
  return table.entry;
}

template <class S>
struct Strides {
  std::ptrdiff_t row, plane, image;  // elements
  explicit Strides(const Activation& a)
      : row(static_cast<std::ptrdiff_t>(a.w + 2 * a.halo) * S::kLanes),
        plane(row * (a.h + 2 * a.halo)),
        image(plane * (a.c / S::kLanes)) {}
};

// First element of pixel (y, x) in channel block 0 of image n; y and x may reach into the halo.
template <class S>
RESNET_INLINE typename S::Element* pixel(const Activation& a, const Strides<S>& s, int n, int y, int x) {
  return static_cast<typename S::Element*>(a.data) + n * s.image + (y + a.halo) * s.row +
         static_cast<std::ptrdiff_t>(x + a.halo) * S::kLanes;
}

}  // namespace resnet::cpu::generic
