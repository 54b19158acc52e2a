// The stem: 7x7 convolution of stride 2 on three planes, alone or fused with bn1, ReLU and the 3x3 max pool.
//
// A convolution of stride 2 is the sum of four of stride 1, one for each phase (parity of row and column) of
// the image:  y[o] = Σ_s x[2(o+s)−3] g[2s] + Σ_s x[2(o+s)−2] g[2s+1],  4 and 3 taps a dimension. All four run
// as Winograd's F(3x3, 4x4) (Lavin & Gray 2016) at the points 0, ±√2, ±√½, ∞ of winograd.hpp, whose Bᵀ it
// shares; the phases are summed as channels, 3 planes x 4 phases = 12 values of k:
//
//   input   image → phases, [rows][columns][12, padded to vectors]
//   each row of 3x3 tiles: V = Bᵀ d B of every tile; 36 products with k = 12; Aᵀ m A, bn1, ReLU → 3 rows
//
// 36 · 12 products for 9 outputs instead of 9 · 147: 0.33 of the direct convolution's. V, the products of one
// tile of output channels and the rows that the pool still needs (350 KiB on AVX2, 430 KiB on AVX-512, at
// 224x224) stay in L2; the 3.2 MB of conv1's output never leave it.
#pragma once

#include "cpu/generic/elementwise.hpp"
#include "cpu/generic/winograd.hpp"

namespace resnet::cpu::generic::winograd_stem {

inline constexpr int kStemKernel = 7, kStemPadding = 3, kStemInputs = 3, kStemChannels = 64;
inline constexpr int kTile = 3, kAlpha = 6, kPoints = kAlpha * kAlpha;
inline constexpr int kStemK = kStemInputs * 4;
inline constexpr int kRing = 2 * kTile;  // conv1 rows that the pool keeps: the last two rows of tiles

template <class S>
inline constexpr int kDepthOf = (kStemK + S::kLanes - 1) / S::kLanes* S::kLanes;

template <class S>
RESNET_INLINE int conv_side(int side) {
  return (side + 2 * kStemPadding - kStemKernel) / 2 + 1;
}
template <class S>
RESNET_INLINE int tile_count(int side) {
  return (conv_side<S>(side) + kTile - 1) / kTile;
}
// Rows or columns of a phase: what all tiles read.
template <class S>
RESNET_INLINE int phase_side(int side) {
  return kTile * tile_count<S>(side) + kAlpha - kTile;
}

template <class S>
std::size_t image_bytes(int h, int w) {
  return sizeof(float) * phase_side<S>(h) * phase_side<S>(w) * kDepthOf<S>;
}

// The phases of N images, [N][rows][columns][depth]: value 4c + 2·dy + dx of (y, x) is plane c at
// (2y + dy − 3, 2x + dx − 3), zero outside.
template <class S>
void input(const float* nchw, int n, int h, int w, void* image, int rank, int size) {
  constexpr int kDepth = kDepthOf<S>;
  const int rows = phase_side<S>(h), columns = phase_side<S>(w);
  const Share<S> share(static_cast<std::int64_t>(n) * rows, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int picture = unit / rows, row = unit % rows;
    float* to = static_cast<float*>(image) + static_cast<std::ptrdiff_t>(unit) * columns * kDepth;
    for (int i = 0; i < columns * kDepth; ++i) to[i] = 0;
    for (int plane = 0; plane < kStemInputs; ++plane) {
      for (int dy = 0; dy < 2; ++dy) {
        const int y = 2 * row + dy - kStemPadding;
        if (y < 0 || y >= h) continue;
        const float* from = nchw + ((static_cast<std::ptrdiff_t>(picture) * kStemInputs + plane) * h + y) * w;
        for (int dx = 0; dx < 2; ++dx) {
          const int shift = dx - kStemPadding;
          for (int x = (1 - shift) / 2; x < columns && 2 * x + shift < w; ++x)
            to[x * kDepth + 4 * plane + 2 * dy + dx] = from[2 * x + shift];
        }
      }
    }
  }
}

template <class S>
std::size_t packed_bytes(int oc) {
  return sizeof(float) * kPoints * kStemK * channel_tiles<S>(oc) * S::kTileVectors * S::kLanes;
}

// One dimension of G g for 4 taps.
template <class S>
RESNET_INLINE void transform_weights(const double* g, int tap_step, double* u, int step) {
  evaluate_taps<S>(g[0], g[tap_step], g[2 * tap_step], g[3 * tap_step], u, step);
  u[5 * step] = g[3 * tap_step];
}

// [oc tile][point][12][V · L]
template <class S>
void pack(const float* oihw, int oc, void* packed) {
  constexpr int kTileChannels = S::kTileVectors * S::kLanes, kTaps = 4;
  for (int channel = 0; channel < channel_tiles<S>(oc) * kTileChannels; ++channel) {
    float* to = static_cast<float*>(packed) +
                static_cast<std::ptrdiff_t>(channel / kTileChannels) * kPoints * kStemK * kTileChannels +
                channel % kTileChannels;
    for (int k = 0; k < kStemK; ++k) {
      const int plane = k / 4, dy = k / 2 % 2, dx = k % 2;
      double g[kTaps * kTaps] = {}, columns[kAlpha * kTaps], u[kPoints];
      if (channel < oc) {
        const float* kernel =
            oihw + (static_cast<std::ptrdiff_t>(channel) * kStemInputs + plane) * kStemKernel * kStemKernel;
        for (int y = 0; 2 * y + dy < kStemKernel; ++y) {
          for (int x = 0; 2 * x + dx < kStemKernel; ++x)
            g[y * kTaps + x] = static_cast<double>(kernel[(2 * y + dy) * kStemKernel + 2 * x + dx]);
        }
      }
      for (int x = 0; x < kTaps; ++x) transform_weights<S>(g + x, kTaps, columns + x, kTaps);
      for (int y = 0; y < kAlpha; ++y) transform_weights<S>(columns + y * kTaps, 1, u + y * kAlpha, 1);
      for (int p = 0; p < kPoints; ++p)
        to[(static_cast<std::ptrdiff_t>(p) * kStemK + k) * kTileChannels] = static_cast<float>(u[p]);
    }
  }
}

// Where a member works: V [point][tile][depth], the products of one tile of output channels
// [point][vector][tile][L], and for the pool kRing rows of conv1, [row][channel block][width][L].
template <class S>
struct Scratch {
  float *v, *products, *ring;
  static std::size_t v_floats(int tiles) { return static_cast<std::size_t>(kPoints) * tiles * kDepthOf<S>; }
  static std::size_t products_floats(int tiles) {
    return static_cast<std::size_t>(kPoints) * tiles * S::kTileVectors * S::kLanes;
  }
  Scratch(void* memory, int w)
      : v(static_cast<float*>(memory)),
        products(v + v_floats(tile_count<S>(w))),
        ring(products + products_floats(tile_count<S>(w))) {}
};

template <class S>
std::size_t scratch_bytes(int w) {
  const int tiles = tile_count<S>(w);
  return sizeof(float) * (Scratch<S>::v_floats(tiles) + Scratch<S>::products_floats(tiles) +
                          static_cast<std::size_t>(kRing) * kStemChannels * conv_side<S>(w));
}

// V of one row of tiles.
template <class S>
void transform(const StemArgs& a, int n, int tile_row, float* v) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, kDepth = kDepthOf<S>;
  const int tiles = tile_count<S>(a.w), columns = phase_side<S>(a.w);
  const float* corner = static_cast<const float*>(a.image) + n * (image_bytes<S>(a.h, a.w) / sizeof(float)) +
                        static_cast<std::ptrdiff_t>(tile_row) * kTile * columns * kDepth;
  for (int t = 0; t < tiles; ++t, corner += kTile * kDepth) {
    for (int part = 0; part < kDepth; part += kLanes) {
      Vec d[kPoints];
      for (int y = 0; y < kAlpha; ++y) {
        unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
          d[y * kAlpha + x] =
              S::load(corner + (static_cast<std::ptrdiff_t>(y) * columns + x) * kDepth + part);
        });
        transform_input<S, Form<S, 4, 1>>(d + y * kAlpha, 1);
      }
      unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
        transform_input<S, Form<S, 4, 1>>(d + x, kAlpha);
        unroll<S, kAlpha>([&](auto y) __attribute__((always_inline)) {
          S::store(v + (static_cast<std::ptrdiff_t>(y * kAlpha + x) * tiles + t) * kDepth + part,
                   d[y * kAlpha + x]);
        });
      });
    }
  }
}

// One row of tiles: up to three rows of conv1's output, bn1 and ReLU applied where the arguments have them.
// rows[y] is the first pixel of channel block 0, or null below the image; neighbouring channel blocks are
// `plane` floats apart.
template <class S>
void conv_tile_row(const StemArgs& a, int n, int tile_row, const Scratch<S>& scratch,
                   float* const rows[kTile], std::ptrdiff_t plane) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, V = S::kTileVectors, kTileChannels = V * kLanes, kDepth = kDepthOf<S>;
  const auto* kernels = micro_kernels<S, float, kDepth, kStemK>();
  const float* weights = static_cast<const float*>(a.weights);
  const int tiles = tile_count<S>(a.w), width = conv_side<S>(a.w);
  const Tiling<S> tiling(tiles);
  transform<S>(a, n, tile_row, scratch.v);
  const std::ptrdiff_t offset_of_piece = 0;
  const TileLoop<S> loop{.pieces = 1,
                         .offsets = &offset_of_piece,
                         .plane_stride = static_cast<std::ptrdiff_t>(tiles) * kLanes,
                         .accumulate = false,
                         .finish = false,
                         .bias = nullptr,
                         .residual_plane_stride = 0,
                         .relu = false,
                         .prefetch = weights};
  for (int oc_tile = 0; oc_tile < channel_tiles<S>(a.out.c); ++oc_tile) {
    for (int p = 0; p < kPoints; ++p) {
      const float* w = weights + static_cast<std::ptrdiff_t>(oc_tile * kPoints + p) * kStemK * kTileChannels;
      const float* v = scratch.v + static_cast<std::ptrdiff_t>(p) * tiles * kDepth;
      float* products = scratch.products + static_cast<std::ptrdiff_t>(p) * tiles * kTileChannels;
      for (int t = 0; t < tiling.tiles; ++t) {
        const int first = tiling.start(t);
        kernels[tiling.size(t)](loop, v + first * kDepth, w, products + first * kLanes, nullptr);
      }
    }
    for (int vector = 0; vector < V; ++vector) {
      const int channel = oc_tile * kTileChannels + vector * kLanes;
      const std::ptrdiff_t offset = plane * (channel / kLanes);
      const bool bn = a.scale != nullptr;
      const Vec scale = bn ? S::load(a.scale + channel) : S::zero();
      const Vec shift = bn ? S::load(a.shift + channel) : S::zero();
      for (int t = 0; t < tiles; ++t) {
        const float* from = scratch.products + (static_cast<std::ptrdiff_t>(vector) * tiles + t) * kLanes;
        Vec y[kPoints];
        for (int row = 0; row < kAlpha; ++row) {
          unroll<S, kAlpha>([&](auto x) __attribute__((always_inline)) {
            y[row * kAlpha + x] =
                S::load(from + static_cast<std::ptrdiff_t>(row * kAlpha + x) * tiles * kTileChannels);
          });
          transform_output<S, kTile, true>(y + row * kAlpha, 1);
        }
        const int first = kTile * t, there = width - first < kTile ? width - first : kTile;
        unroll<S, kTile>([&](auto x) __attribute__((always_inline)) {
          transform_output<S, kTile, true>(y + x, kAlpha);
          if (x >= there) return;
          unroll<S, kTile>([&](auto row) __attribute__((always_inline)) {
            if (!rows[row]) return;
            Vec value = y[row * kAlpha + x];
            if (bn) value = S::max(S::fma(value, scale, shift), S::zero());
            S::store(rows[row] + offset + (first + x) * kLanes, value);
          });
        });
      }
    }
  }
}

template <class S>
void conv(const StemArgs& a, int rank, int size) {
  const Strides<S> out(a.out);
  const Scratch<S> scratch(a.scratch, a.w);
  const int tile_rows = tile_count<S>(a.h);
  const Share<S> share(static_cast<std::int64_t>(a.n) * tile_rows, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / tile_rows, tile_row = unit % tile_rows;
    float* rows[kTile];
    for (int i = 0; i < kTile; ++i) {
      const int row = tile_row * kTile + i;
      rows[i] = row < a.out.h ? pixel(a.out, out, n, row, 0) : nullptr;
    }
    conv_tile_row<S>(a, n, tile_row, scratch, rows, out.plane);
  }
}

template <class S>
void fused(const StemArgs& a, int rank, int size) {
  constexpr int kLanes = S::kLanes;
  const Strides<S> out(a.out);
  const Scratch<S> scratch(a.scratch, a.w);
  const int conv_h = conv_side<S>(a.h), conv_w = conv_side<S>(a.w), blocks = a.out.c / kLanes;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(conv_w) * kLanes, row_floats = plane * blocks;
  // Row r of conv1 lies in slot r % kRing; a pooled row needs the last row of tiles and one row before
  // it.
  const auto slot = [&](int row) { return scratch.ring + row % kRing * row_floats; };
  const Share<S> share(static_cast<std::int64_t>(a.n) * a.out.h, rank, size);
  int last_n = -1, next_tile_row = 0;
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / a.out.h, pooled = unit % a.out.h;
    const int first = 2 * pooled - 1 < 0 ? 0 : 2 * pooled - 1;
    const int last = 2 * pooled + 1 < conv_h ? 2 * pooled + 1 : conv_h - 1;
    if (n != last_n) next_tile_row = first / kTile, last_n = n;
    for (; next_tile_row <= last / kTile; ++next_tile_row) {
      float* rows[kTile];
      for (int i = 0; i < kTile; ++i) {
        const int row = next_tile_row * kTile + i;
        rows[i] = row < conv_h ? slot(row) : nullptr;
      }
      conv_tile_row<S>(a, n, next_tile_row, scratch, rows, plane);
    }
    for (int block = 0; block < blocks; ++block) {
      const auto row_at = [&](int row) { return slot(row) + block * plane; };
      pool_row<S>(row_at, conv_h, conv_w, pooled, pixel(a.out, out, n, pooled, 0) + block * out.plane,
                  a.out.w);
    }
  }
}

}  // namespace resnet::cpu::generic::winograd_stem
