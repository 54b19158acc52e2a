// 3x3, stride 1 convolution by Winograd's minimal filtering (Lavin & Gray, "Fast Algorithms for
// Convolutional Neural Networks", CVPR 2016):  Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A  for each m x m output tile.
//
// F(2x2) uses the points 0, ±1, ∞: 16 products for 4 outputs instead of 36.
// F(4x4) uses 0, ±√2, ±√½, ∞: 36 products for 16 outputs instead of 144. With M(x) = x(x²−2)(x²−½) the rows
// of Bᵀ are the coefficients of M(x)/(x−p) (and of M itself for ∞), those of G are (1, p, p²)/N_p with
// N_p = Π_{q≠p}(p−q), those of Aᵀ the powers of the points. The reciprocal pairs keep every coefficient
// near 1: its rounding error is that of the direct algorithm, where the usual points 0, ±1, ±2 lose a digit.
//
// Both transforms work on vectors of L channels; the products are the micro-kernel's.
//
// Weights are transformed once, when they are packed. To read nine taps and transform them on the way instead
// saves half of the memory (100 MB in ResNet-18) but was slower: ResNet-18, batch 1, one thread 22.2 ms
// instead of 20.1 on Zen 3 and 15.9 instead of 15.0 on Emerald Rapids (2026-11-21).
#pragma once

#include "cpu/generic/conv.hpp"

namespace resnet::cpu::generic {

inline constexpr float kSqrt2 = 1.41421356237309504880f;
inline constexpr float kSqrtHalf = 0.70710678118654752440f;

// One dimension of Bᵀ d: alpha inputs to alpha values, in place, `step` apart.
template <class S, int M>
RESNET_INLINE void transform_input(typename S::Vec* d, int step) {
  using Vec = typename S::Vec;
  const auto at = [&](int i) -> Vec& { return d[i * step]; };
  if constexpr (M == 2) {
    const Vec d0 = at(0), d1 = at(1), d2 = at(2), d3 = at(3);
    at(0) = S::sub(d0, d2);
    at(1) = S::add(d1, d2);
    at(2) = S::sub(d2, d1);
    at(3) = S::sub(d3, d1);
  } else {
    const Vec d0 = at(0), d1 = at(1), d2 = at(2), d3 = at(3), d4 = at(4), d5 = at(5);
    const Vec half = S::set(-0.5f), two = S::set(-2.0f), middle = S::set(-2.5f);
    const Vec a = S::set(kSqrt2), b = S::set(kSqrtHalf);
    const Vec even_a = S::fma(half, d2, d4), odd_a = S::mul(a, S::fma(half, d1, d3));
    const Vec even_b = S::fma(two, d2, d4), odd_b = S::mul(b, S::fma(two, d1, d3));
    at(0) = S::add(S::fma(middle, d2, d0), d4);
    at(1) = S::add(even_a, odd_a);
    at(2) = S::sub(even_a, odd_a);
    at(3) = S::add(even_b, odd_b);
    at(4) = S::sub(even_b, odd_b);
    at(5) = S::add(S::fma(middle, d3, d1), d5);
  }
}

// One dimension of Aᵀ m: alpha products to M outputs, in place, `step` apart.
template <class S, int M>
RESNET_INLINE void transform_output(typename S::Vec* y, int step) {
  using Vec = typename S::Vec;
  const auto at = [&](int i) -> Vec& { return y[i * step]; };
  if constexpr (M == 2) {
    const Vec sum = S::add(at(1), at(2)), difference = S::sub(at(1), at(2));
    at(0) = S::add(at(0), sum);
    at(1) = S::add(difference, at(3));
  } else if constexpr (M == 3) {
    const Vec sum_a = S::add(at(1), at(2)), difference_a = S::sub(at(1), at(2));
    const Vec sum_b = S::add(at(3), at(4)), difference_b = S::sub(at(3), at(4));
    at(0) = S::add(S::add(at(0), sum_a), sum_b);
    at(1) = S::fma(S::set(kSqrt2), difference_a, S::mul(S::set(kSqrtHalf), difference_b));
    at(2) = S::fma(S::set(2.0f), sum_a, S::fma(S::set(0.5f), sum_b, at(5)));
  } else {
    const Vec sum_a = S::add(at(1), at(2)), difference_a = S::sub(at(1), at(2));
    const Vec sum_b = S::add(at(3), at(4)), difference_b = S::sub(at(3), at(4));
    const Vec last = at(5);
    at(0) = S::add(S::add(at(0), sum_a), sum_b);
    at(1) = S::fma(S::set(kSqrt2), difference_a, S::mul(S::set(kSqrtHalf), difference_b));
    at(2) = S::fma(S::set(2.0f), sum_a, S::mul(S::set(0.5f), sum_b));
    at(3) = S::add(S::fma(S::set(2 * kSqrt2), difference_a, S::mul(S::set(0.5f * kSqrtHalf), difference_b)),
                   last);
  }
}

// One dimension of G g at the five finite points of F(4x4), for up to four taps: g0 + g1 p + g2 p² + g3 p³
// over N_p.
template <class S>
RESNET_INLINE void evaluate_taps(double g0, double g1, double g2, double g3, double* u, int step) {
  constexpr double kA = 1.41421356237309504880, kB = 0.70710678118654752440;
  const double even_a = (g0 + 2 * g2) / 6, odd_a = kA * (g1 + 2 * g3) / 6;
  const double even_b = (g0 + 0.5 * g2) / -1.5, odd_b = kB * (g1 + 0.5 * g3) / -1.5;
  u[0] = g0;
  u[step] = even_a + odd_a;
  u[2 * step] = even_a - odd_a;
  u[3 * step] = even_b + odd_b;
  u[4 * step] = even_b - odd_b;
}

// One dimension of G g: 3 taps to alpha values.
template <class S, int M>
RESNET_INLINE void transform_weights(double g0, double g1, double g2, double* u, int step) {
  if constexpr (M == 2) {
    u[0] = g0;
    u[step] = 0.5 * (g0 + g1 + g2);
    u[2 * step] = 0.5 * (g0 - g1 + g2);
    u[3 * step] = g2;
  } else {
    evaluate_taps<S>(g0, g1, g2, 0, u, step);
    u[5 * step] = g2;
  }
}

template <class S>
std::size_t packed_winograd_floats(int ic, int oc, int m) {
  return packed_conv_floats<S>(ic, oc, 1) * (m + 2) * (m + 2);
}

// Each point's matrix is packed as a 1x1 convolution's weights.
template <class S, int M>
void pack_winograd_m(const float* oihw, const double* oc_scale, int ic, int oc, float* packed, int rank,
                     int size) {
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes, kAlpha = M + 2;
  const int tiles = channel_tiles<S>(oc), blocks = ic / kLanes, chunk = chunk_blocks<S>(blocks, 1);
  const std::size_t point_floats = packed_conv_floats<S>(ic, oc, 1);
  const Share<S> share(tiles, rank, size);
  for (int tile = share.begin; tile < share.end; ++tile) {
    for (int i = 0; i < ic; ++i) {
      const int first = i / kLanes / chunk * chunk;
      const int count = first + chunk < blocks ? chunk : blocks - first;
      float* to = packed + static_cast<std::size_t>(first) * kLanes * tiles * kTileChannels +
                  (static_cast<std::size_t>(tile) * count * kLanes + (i - first * kLanes)) * kTileChannels;
      for (int o = 0; o < kTileChannels; ++o) {
        const int channel = tile * kTileChannels + o;
        double u[kAlpha * kAlpha] = {};
        if (channel < oc) {
          const float* g = oihw + (static_cast<std::size_t>(channel) * ic + i) * 9;
          const double scale = oc_scale ? oc_scale[channel] : 1.0;
          double columns[kAlpha * 3];  // G g
          for (int x = 0; x < 3; ++x) {
            transform_weights<S, M>(scale * static_cast<double>(g[x]), scale * static_cast<double>(g[3 + x]),
                                    scale * static_cast<double>(g[6 + x]), columns + x, 3);
          }
          for (int y = 0; y < kAlpha; ++y) {
            transform_weights<S, M>(columns[y * 3], columns[y * 3 + 1], columns[y * 3 + 2], u + y * kAlpha,
                                    1);
          }
        }
        for (int p = 0; p < kAlpha * kAlpha; ++p) to[p * point_floats + o] = static_cast<float>(u[p]);
      }
    }
  }
}

template <class S>
void pack_winograd(const float* oihw, const double* oc_scale, int ic, int oc, int m, float* packed, int rank,
                   int size) {
  if (m == 2) {
    pack_winograd_m<S, 2>(oihw, oc_scale, ic, oc, packed, rank, size);
  } else {
    pack_winograd_m<S, 4>(oihw, oc_scale, ic, oc, packed, rank, size);
  }
}

// Floats between the points of a buffer. Without the gap their distance is often a multiple of 4 KiB, and the
// 36 values that a transform reads or writes share one set of the L1 cache: at 14x14 both transforms then
// take two to three times as long.
inline constexpr int kPointGap = 32;

template <class S>
std::size_t winograd_buffer_floats(int m, int tiles, int channels) {
  return static_cast<std::size_t>((m + 2) * (m + 2)) *
         (static_cast<std::size_t>(tiles) * channels + kPointGap);
}

// Position of a tile in the batch: image, and the first output row and column.
template <class S, int M>
struct TilePosition {
  int n, y, x;
  TilePosition(int tile, const Activation& out) {
    const int columns = (out.w + M - 1) / M, rows = (out.h + M - 1) / M;
    n = tile / (columns * rows);
    y = tile / columns % rows * M;
    x = tile % columns * M;
  }
  void advance(const Activation& out) {
    if ((x += M) < out.w) return;
    x = 0;
    if ((y += M) < out.h) return;
    y = 0;
    ++n;
  }
};

// Calls f(tile, block, position) for a member's share of (channel block, tile) pairs, block by block.
template <class S, int M, class F>
RESNET_INLINE void for_each_tile(const WinogradArgs& a, int blocks, int rank, int size, F&& f) {
  const int tiles = a.tile_end - a.tile_begin;
  const Share<S> share(static_cast<std::int64_t>(tiles) * blocks, rank, size);
  for (int unit = share.begin; unit < share.end;) {
    const int block = unit / tiles, first = unit - block * tiles;
    const int last = share.end - block * tiles < tiles ? share.end - block * tiles : tiles;
    TilePosition<S, M> at(a.tile_begin + first, a.out);
    for (int tile = first; tile < last; ++tile, at.advance(a.out)) f(tile, block, at);
    unit += last - first;
  }
}

template <class S, int M>
void winograd_input_m(const WinogradArgs& a, int rank, int size) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, kAlpha = M + 2;
  const Strides<S> in(a.in);
  const int tiles = a.tile_end - a.tile_begin, blocks = a.in.c / kLanes;
  const std::ptrdiff_t point_stride = static_cast<std::ptrdiff_t>(blocks) * tiles * kLanes + kPointGap;
  for_each_tile<S, M>(a, blocks, rank, size, [&](int tile, int block, const TilePosition<S, M>& at) {
    const float* corner = pixel(a.in, in, at.n, at.y - 1, at.x - 1) + block * in.plane;
    Vec d[kAlpha * kAlpha];
    // Rows [top, bottom) and columns [left, right) of the tile lie inside the image; the rest is padding.
    const int top = at.y == 0 ? 1 : 0, left = at.x == 0 ? 1 : 0;
    const int bottom = a.in.h - at.y + 1, right = a.in.w - at.x + 1;
    for (int y = 0; y < kAlpha; ++y) {
      Vec* row = d + y * kAlpha;
      const float* from = corner + y * in.row;
      if (y < top || y >= bottom) {
        unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) { row[x] = S::zero(); });
        continue;
      }
      if (left == 0 && right >= kAlpha) {
        unroll<S, kAlpha>([&](auto x)
                              __attribute__((always_inline)) { row[x] = S::load(from + x * kLanes); });
      } else {
        unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
          row[x] = x >= left && x < right ? S::load(from + x * kLanes) : S::zero();
        });
      }
      transform_input<S, M>(row, 1);
    }
    float* to = a.v + (static_cast<std::ptrdiff_t>(block) * tiles + tile) * kLanes;
    unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
      transform_input<S, M>(d + x, kAlpha);
      unroll<S, kAlpha>([&](auto y) __attribute__((always_inline)) {
        S::store(to + (y * kAlpha + x) * point_stride, d[y * kAlpha + x]);
      });
    });
  });
}

template <class S>
void winograd_gemm(const WinogradArgs& a, int rank, int size) {
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  const MicroKernel<S>* kernels = micro_kernels<S, kLanes, kLanes>();
  const int tiles = a.tile_end - a.tile_begin, points = (a.m + 2) * (a.m + 2);
  const int blocks = a.in.c / kLanes, oc_tiles = channel_tiles<S>(a.out.c),
            chunk = chunk_blocks<S>(blocks, 1);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(tiles) * kLanes;
  const std::size_t point_floats = packed_conv_floats<S>(a.in.c, a.out.c, 1);
  const Tiling<S> tiling(tiles);
  const Share<S> share(static_cast<std::int64_t>(points) * oc_tiles, rank, size);
  std::ptrdiff_t offsets[kMaxPieces<S>];
  for (int piece = 0; piece < chunk; ++piece) offsets[piece] = piece * plane;
  for (int unit = share.begin; unit < share.end;) {
    const int point = unit / oc_tiles;
    const int first_tile = unit - point * oc_tiles;
    const int last_tile = share.end - point * oc_tiles < oc_tiles ? share.end - point * oc_tiles : oc_tiles;
    const float* v = a.v + point * (plane * blocks + kPointGap);
    float* products = a.products + point * (plane * (a.out.c / kLanes) + kPointGap);
    for (int first = 0; first < blocks; first += chunk) {
      const int count = first + chunk < blocks ? chunk : blocks - first;
      const float* weights = a.weights + point * point_floats +
                             static_cast<std::size_t>(first) * kLanes * oc_tiles * kTileChannels;
      TileLoop<S> loop{.pieces = count,
                       .offsets = offsets,
                       .plane_stride = plane,
                       .accumulate = first > 0,
                       .finish = false,
                       .bias = nullptr,
                       .residual_plane_stride = 0,
                       .relu = false};
      for (int oc_tile = first_tile; oc_tile < last_tile; ++oc_tile) {
        const std::ptrdiff_t tile_floats = static_cast<std::ptrdiff_t>(count) * kLanes * kTileChannels;
        const float* w = weights + oc_tile * tile_floats;
        loop.input_ahead = oc_tile + 1 == last_tile ? plane * blocks + kPointGap : 0;
        for (int t = 0; t < tiling.tiles; ++t) {
          const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(tiling.start(t)) * kLanes;
          share_prefetch<S>(loop, w + tile_floats, count * kLanes, t, tiling.tiles);
          kernels[tiling.size(t)](loop, v + first * plane + offset, w,
                                  products + oc_tile * S::kTileVectors * plane + offset, nullptr);
        }
      }
    }
    unit = point * oc_tiles + last_tile;
  }
}

template <class S, int M>
void winograd_output_m(const WinogradArgs& a, int rank, int size) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, kAlpha = M + 2;
  const Epilogue& e = a.epilogue;
  const Strides<S> out(a.out), res(e.residual);
  const int tiles = a.tile_end - a.tile_begin, blocks = a.out.c / kLanes;
  const std::ptrdiff_t point_stride = static_cast<std::ptrdiff_t>(blocks) * tiles * kLanes + kPointGap;
  for_each_tile<S, M>(a, blocks, rank, size, [&](int tile, int block, const TilePosition<S, M>& at) {
    const float* from = a.products + (static_cast<std::ptrdiff_t>(block) * tiles + tile) * kLanes;
    const int height = a.out.h - at.y < M ? a.out.h - at.y : M;
    const int width = a.out.w - at.x < M ? a.out.w - at.x : M;
    float* to = pixel(a.out, out, at.n, at.y, at.x) + block * out.plane;
    const float* residual =
        e.residual.data ? pixel(e.residual, res, at.n, at.y, at.x) + block * res.plane : nullptr;
    Vec y[kAlpha * kAlpha];
    for (int row = 0; row < kAlpha; ++row) {
      unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
        y[row * kAlpha + x] = S::load(from + (row * kAlpha + x) * point_stride);
      });
      transform_output<S, M>(y + row * kAlpha, 1);
    }
    const Vec bias = S::load(e.bias + block * kLanes);
    unroll<S, M>([&](auto x) __attribute__((always_inline)) { transform_output<S, M>(y + x, kAlpha); });
    for (int row = 0; row < height; ++row) {
      for (int x = 0; x < width; ++x) {
        Vec value = S::add(y[row * kAlpha + x], bias);
        if (residual) value = S::add(value, S::load(residual + row * res.row + x * kLanes));
        if (e.relu) value = S::max(value, S::zero());
        S::store(to + row * out.row + x * kLanes, value);
      }
    }
  });
}

template <class S>
void winograd_input(const WinogradArgs& a, int rank, int size) {
  if (a.m == 2) {
    winograd_input_m<S, 2>(a, rank, size);
  } else {
    winograd_input_m<S, 4>(a, rank, size);
  }
}

template <class S>
void winograd_output(const WinogradArgs& a, int rank, int size) {
  if (a.m == 2) {
    winograd_output_m<S, 2>(a, rank, size);
  } else {
    winograd_output_m<S, 4>(a, rank, size);
  }
}

}  // namespace resnet::cpu::generic
