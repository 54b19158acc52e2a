// The inner loop of the int8 kernels: a tile of R pixels x V vectors of output channels.
//
//   acc[p][oc] = bias[oc] + Σ_k in[p, k] · w[k][oc]
//
// An instruction set S multiplies kGroup neighbouring values of k at once and sums them into one int32 lane
// (VPDPBUSD, SDOT: 4 bytes; VPMADDWD: 2 words), so weights lie as [group][V][L][kGroup] and a group of a
// pixel's values is broadcast to all lanes. Sums are exact, so their order is nobody's business.
//
// What S provides: Element and Weight (how activations and weights lie in memory), Vec (L int32), Input
// (kSteps groups of one pixel), dot<step>, and for the epilogue to_float, mul, add, round, load_residual and
// store. The last two fix which channel lies in which lane: channel().
#pragma once

#include "cpu/generic/sharing.hpp"
#include "cpu/int8/kernels.hpp"

namespace resnet::cpu::int8::generic {

using cpu::generic::Grid;
using cpu::generic::Share;
using cpu::generic::Tiling;
using cpu::generic::unroll;

template <class S>
inline constexpr int kTileChannels = S::kTileVectors* S::kLanes;
// Values of k that one load of a pixel brings.
template <class S>
inline constexpr int kLoad = S::kGroup* S::kSteps;

// The same for all tiles of a loop.
template <class S>
struct TileLoop {
  int pieces = 1;                           // runs of k that lie in one piece in a pixel's values
  const std::ptrdiff_t* offsets = nullptr;  // of each piece's first value from `in`
  const std::int32_t* bias = nullptr;       // of this tile's channels
  const float* multiplier = nullptr;
  float residual_multiplier = 0;
  bool residual_signed = false;
  bool out_signed = false;
  // The next tile's weights, fetched while this one computes, `prefetch_step` bytes with every load of a
  // pixel.
  const std::byte* prefetch = nullptr;
  std::ptrdiff_t prefetch_step = 0;
};

// acc → steps of the output, for R neighbouring pixels of one block.
template <class S>
struct ToSteps {
  using Out = typename S::Element;
  template <int R>
  static RESNET_INLINE void apply(const TileLoop<S>& loop, typename S::Vec (&acc)[R][S::kTileVectors],
                                  Out* out, const Out* residual) {
    constexpr int V = S::kTileVectors, kLanes = S::kLanes;
    typename S::Float multiplier[V];
    unroll<S, V>([&](auto v) __attribute__((always_inline)) {
      multiplier[v] = S::load_float(loop.multiplier + v * kLanes);
    });
    unroll<S, R>([&](auto p) __attribute__((always_inline)) {
      unroll<S, V>([&](auto v) __attribute__((always_inline)) {
        // Kept as bits of the accumulator, so that no second set of registers is needed.
        acc[p][v] = S::bits(S::mul(S::to_float(acc[p][v]), multiplier[v]));
      });
    });
    if (residual != nullptr) {
      const typename S::Float scale = S::set_float(loop.residual_multiplier);
      unroll<S, R>([&](auto p) __attribute__((always_inline)) {
        typename S::Vec r[V];
        S::load_residual(residual + p * kBlock, loop.residual_signed, r);
        unroll<S, V>([&](auto v) __attribute__((always_inline)) {
          acc[p][v] = S::bits(S::add(S::from_bits(acc[p][v]), S::mul(S::to_float(r[v]), scale)));
        });
      });
    }
    unroll<S, R>([&](auto p) __attribute__((always_inline)) {
      typename S::Vec q[V];
      unroll<S, V>([&](auto v) __attribute__((always_inline)) { q[v] = S::round(S::from_bits(acc[p][v])); });
      S::store(out + p * kBlock, q, loop.out_signed);
    });
  }
};

// acc → logits: [R][kTileChannels] floats in the order of the lanes.
template <class S>
struct ToLogits {
  using Out = float;
  template <int R>
  static RESNET_INLINE void apply(const TileLoop<S>& loop, typename S::Vec (&acc)[R][S::kTileVectors],
                                  float* out, const float*) {
    unroll<S, R>([&](auto p) __attribute__((always_inline)) {
      unroll<S, S::kTileVectors>([&](auto v) __attribute__((always_inline)) {
        S::store_float(out + (p * S::kTileVectors + v) * S::kLanes,
                       S::mul(S::to_float(acc[p][v]), S::load_float(loop.multiplier + v * S::kLanes)));
      });
    });
  }
};

// PixelStride: elements between the inputs of neighbouring output pixels. Loads: of a pixel's values in a
// piece.
template <class S, class Finish, int R, int PixelStride, int Loads>
void micro_kernel(const TileLoop<S>& loop, const typename S::Element* in, const typename S::Weight* w,
                  typename Finish::Out* out, const typename Finish::Out* residual) {
  constexpr int V = S::kTileVectors, kGroupWeights = V * S::kLanes * S::kGroup;
  constexpr int kUnroll = Loads % 4 == 0 && S::kSteps == 1 ? 4 : 1;
  typename S::Vec acc[R][V];
  unroll<S, V>([&](auto v) __attribute__((always_inline)) {
    const typename S::Vec bias = S::load(loop.bias + v * S::kLanes);
    unroll<S, R>([&](auto p) __attribute__((always_inline)) { acc[p][v] = bias; });
  });
  const std::byte* ahead = loop.prefetch;
  for (int piece = 0; piece < loop.pieces; ++piece) {
    const typename S::Element* x = in + loop.offsets[piece];
    for (int load = 0; load < Loads; load += kUnroll) {
      unroll<S, kUnroll>([&](auto u) __attribute__((always_inline)) {
        __builtin_prefetch(ahead, 0, 3);
        ahead += loop.prefetch_step;
        if constexpr (S::kSteps == 1) {
          typename S::WeightVec weight[V];
          unroll<S, V>([&](auto v) __attribute__((always_inline)) {
            weight[v] = S::load_weight(w + v * (S::kLanes * S::kGroup));
          });
          w += kGroupWeights;
          unroll<S, R>([&](auto p) __attribute__((always_inline)) {
            const typename S::Input value = S::load_input(x + p * PixelStride + u * kLoad<S>);
            unroll<S, V>([&](auto v) __attribute__((always_inline)) {
              acc[p][v] = S::template dot<0>(acc[p][v], value, weight[v]);
            });
          });
        } else {
          typename S::Input value[R];
          unroll<S, R>([&](auto p)
                           __attribute__((always_inline)) { value[p] = S::load_input(x + p * PixelStride); });
          unroll<S, S::kSteps>([&](auto step) __attribute__((always_inline)) {
            unroll<S, V>([&](auto v) __attribute__((always_inline)) {
              const typename S::WeightVec weight = S::load_weight(w + v * (S::kLanes * S::kGroup));
              unroll<S, R>([&](auto p) __attribute__((always_inline)) {
                acc[p][v] = S::template dot<step>(acc[p][v], value[p], weight);
              });
            });
            w += kGroupWeights;
          });
        }
      });
      x += kUnroll * kLoad<S>;
    }
  }
  Finish::template apply<R>(loop, acc, out, residual);
}

template <class S, class Finish>
using MicroKernel = void (*)(const TileLoop<S>&, const typename S::Element* in, const typename S::Weight* w,
                             typename Finish::Out* out, const typename Finish::Out* residual);

// micro_kernels<…>()[R] for R = 1 … S::kTilePixels.
template <class S, class Finish, int PixelStride, int Loads>
const MicroKernel<S, Finish>* micro_kernels() {
  static constexpr auto table = []<int... R>(std::integer_sequence<int, R...>) {
    struct Table {
      MicroKernel<S, Finish> entry[S::kTilePixels + 1];
    };
    return Table{{nullptr, micro_kernel<S, Finish, R + 1, PixelStride, Loads>...}};
  }
  (std::make_integer_sequence<int, S::kTilePixels>{});
  return table.entry;
}

template <class S>
struct Strides {
  std::ptrdiff_t row, plane, image;  // elements
  explicit Strides(const Activation& a)
      : row(static_cast<std::ptrdiff_t>(a.w + 2 * a.halo) * kBlock),
        plane(row * (a.h + 2 * a.halo)),
        image(plane * (a.c / kBlock)) {}
};

// First element of pixel (y, x) in channel block 0 of image n; y and x may reach into the halo.
template <class S>
RESNET_INLINE typename S::Element* pixel(const Activation& a, const Strides<S>& s, int n, int y, int x) {
  return static_cast<typename S::Element*>(a.data) + n * s.image + (y + a.halo) * s.row +
         static_cast<std::ptrdiff_t>(x + a.halo) * kBlock;
}

}  // namespace resnet::cpu::int8::generic
