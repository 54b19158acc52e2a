// 3x3 convolution of padding 1 by Winograd's minimal filtering (Lavin & Gray, "Fast Algorithms for
// Convolutional Neural Networks", CVPR 2016):  Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A  for each m x m output tile.
//
// F(2x2), stride 1, uses the points 0, ±1, ∞: 16 products for 4 outputs instead of 36.
// F(4x4), stride 1, uses 0, ±√2, ±√½, ∞: 36 products for 16 outputs instead of 144. With
// M(x) = x(x²−2)(x²−½) the rows of Bᵀ are the coefficients of M(x)/(x−p) (and of M itself for ∞), those of G
// are (1, p, p²)/N_p with N_p = Π_{q≠p}(p−q), those of Aᵀ the powers of the points. The reciprocal pairs keep
// every coefficient near 1: its rounding error is that of the direct algorithm, where the usual points 0, ±1,
// ±2 lose a digit.
//
// F(4x4), stride 2, splits the image into its odd and even rows and columns. In one dimension
//   y[o] = (x[2o−1] g0 + x[2(o+1)−1] g2) + x[2o] g1:
// two taps on the odd phase, one on the even. Both are evaluated at ±√2, ±√½, ∞ and added before Aᵀ; the one
// tap vanishes at ∞. So of the 5 · 5 points the 4 · 4 finite ones sum over four phases, those with one ∞ over
// two and the last over one: 81 products for 16 outputs instead of 144. A transformed tile is 9 x 9: along
// each side the five points of the odd phase, then the four of the even one.
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

// What a form transforms along one side of a tile: `inputs` to as many values, and `points` products to m
// outputs. A slot is one matrix of V or of the weights; the products of a point sum over its slots, which
// follow each other.
template <class S, int M, int Stride>
struct Form {
  static constexpr int kM = M, kStride = Stride;
  static constexpr int kPoints = Stride == 1 ? M + 2 : M + 1;
  static constexpr int kInputs = Stride == 1 ? kPoints : 2 * M + 1;
  static constexpr int kPointsOfTile = kPoints * kPoints, kSlots = kInputs * kInputs;

  // Values of one side that meet in point p: the odd phase's, and the even one's if p is finite.
  static constexpr int phases(int p) { return Stride == 2 && p + 1 < kPoints ? 2 : 1; }
  static constexpr int slots_of_point(int point) { return phases(point / kPoints) * phases(point % kPoints); }
  static constexpr int first_slot(int point) {
    int slot = 0;
    for (int p = 0; p < point; ++p) slot += slots_of_point(p);
    return slot;
  }
  // The slot of the transformed value in row y and column x.
  static constexpr int slot(int y, int x) {
    const int row = y % kPoints, column = x % kPoints;
    return first_slot(row * kPoints + column) + y / kPoints * phases(column) + x / kPoints;
  }
};

// Calls f(Form) with the form of m and stride.
template <class S, class F>
RESNET_INLINE auto with_form(const WinogradForm& form, F&& f) {
  if (form.stride == 2) return f(Form<S, 4, 2>{});
  if (form.m == 4) return f(Form<S, 4, 1>{});
  return f(Form<S, 2, 1>{});
}

// One dimension of Bᵀ d at ±√2, ±√½ for M(x) = (x²−2)(x²−½): four inputs to four values, in place.
template <class S>
RESNET_INLINE void transform_finite(typename S::Vec& d0, typename S::Vec& d1, typename S::Vec& d2,
                                    typename S::Vec& d3) {
  using Vec = typename S::Vec;
  const Vec half = S::set(-0.5f), two = S::set(-2.0f);
  const Vec even_a = S::fma(half, d1, d3), odd_a = S::mul(S::set(kSqrt2), S::fma(half, d0, d2));
  const Vec even_b = S::fma(two, d1, d3), odd_b = S::mul(S::set(kSqrtHalf), S::fma(two, d0, d2));
  d0 = S::add(even_a, odd_a);
  d1 = S::sub(even_a, odd_a);
  d2 = S::add(even_b, odd_b);
  d3 = S::sub(even_b, odd_b);
}

// One dimension of Bᵀ d: a form's inputs to as many values, in place, `step` apart.
template <class S, class Form>
RESNET_INLINE void transform_input(typename S::Vec* d, int step) {
  using Vec = typename S::Vec;
  const auto at = [&](int i) -> Vec& { return d[i * step]; };
  const auto infinite = [](Vec d0, Vec d2, Vec d4) { return S::add(S::fma(S::set(-2.5f), d2, d0), d4); };
  if constexpr (Form::kStride == 2) {
    // Odd phase: inputs 0, 2, …, 8; even phase: 1, 3, 5, 7.
    Vec a0 = at(0), a1 = at(2), a2 = at(4), a3 = at(6), b0 = at(1), b1 = at(3), b2 = at(5), b3 = at(7);
    at(4) = infinite(a0, a2, at(8));
    transform_finite<S>(a0, a1, a2, a3);
    transform_finite<S>(b0, b1, b2, b3);
    at(0) = a0, at(1) = a1, at(2) = a2, at(3) = a3;
    at(5) = b0, at(6) = b1, at(7) = b2, at(8) = b3;
  } else if constexpr (Form::kM == 2) {
    const Vec d0 = at(0), d1 = at(1), d2 = at(2), d3 = at(3);
    at(0) = S::sub(d0, d2);
    at(1) = S::add(d1, d2);
    at(2) = S::sub(d2, d1);
    at(3) = S::sub(d3, d1);
  } else {
    at(0) = infinite(at(0), at(2), at(4));
    at(5) = infinite(at(1), at(3), at(5));
    transform_finite<S>(at(1), at(2), at(3), at(4));
  }
}

// One dimension of Aᵀ m: the products of all points to M outputs, in place, `step` apart. kZero: 0 is one of
// the points.
template <class S, int M, bool kZero>
RESNET_INLINE void transform_output(typename S::Vec* y, int step) {
  using Vec = typename S::Vec;
  const auto at = [&](int i) -> Vec& { return y[i * step]; };
  if constexpr (M == 2) {
    const Vec sum = S::add(at(1), at(2)), difference = S::sub(at(1), at(2));
    at(0) = S::add(at(0), sum);
    at(1) = S::add(difference, at(3));
  } else {
    constexpr int kFirst = kZero ? 1 : 0;  // of ±√2, ±√½, ∞
    const Vec sum_a = S::add(at(kFirst), at(kFirst + 1)), sum_b = S::add(at(kFirst + 2), at(kFirst + 3));
    const Vec difference_a = S::sub(at(kFirst), at(kFirst + 1)),
              difference_b = S::sub(at(kFirst + 2), at(kFirst + 3));
    const Vec last = at(kFirst + 4);
    at(0) = S::add(kZero ? S::add(at(0), sum_a) : sum_a, sum_b);
    at(1) = S::fma(S::set(kSqrt2), difference_a, S::mul(S::set(kSqrtHalf), difference_b));
    if constexpr (M == 3) {
      at(2) = S::fma(S::set(2.0f), sum_a, S::fma(S::set(0.5f), sum_b, last));
    } else {
      at(2) = S::fma(S::set(2.0f), sum_a, S::mul(S::set(0.5f), sum_b));
      at(3) = S::add(S::fma(S::set(2 * kSqrt2), difference_a, S::mul(S::set(0.5f * kSqrtHalf), difference_b)),
                     last);
    }
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

// One dimension of G g: 3 taps, `tap_step` apart, to a form's values, `step` apart.
template <class S, class Form>
RESNET_INLINE void transform_weights(const double* g, int tap_step, double* u, int step) {
  const double g0 = g[0], g1 = g[tap_step], g2 = g[2 * tap_step];
  if constexpr (Form::kStride == 2) {
    constexpr double kPoint[] = {1.41421356237309504880, -1.41421356237309504880, 0.70710678118654752440,
                                 -0.70710678118654752440};
    for (int i = 0; i < 4; ++i) {
      const double n = (i < 2 ? 3 : -3) * kPoint[i];
      u[i * step] = (g0 + g2 * kPoint[i]) / n;
      u[(5 + i) * step] = g1 / n;
    }
    u[4 * step] = g2;
  } else if constexpr (Form::kM == 2) {
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
std::size_t packed_winograd_bytes(int ic, int oc, const WinogradForm& form) {
  return with_form<S>(form, [&](auto f) { return packed_conv_bytes<S>(ic, oc, 1) * decltype(f)::kSlots; });
}

// The matrix of a point is packed as the weights of a 1x1 convolution over the channels of all its slots.
template <class S, class Form>
void pack_winograd_form(const float* oihw, const double* oc_scale, int ic, int oc, float* packed, int rank,
                        int size) {
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes, kInputs = Form::kInputs;
  const int tiles = channel_tiles<S>(oc);
  const std::size_t slot_floats = packed_conv_elements<S>(ic, oc, 1);
  // Where the values of channel 0 of a slot go in oc tile 0, and how its point is cut into chunks.
  struct Place {
    float* point;
    int row, blocks, chunk;
  };
  Place places[Form::kSlots];
  for (int y = 0; y < kInputs; ++y) {
    for (int x = 0; x < kInputs; ++x) {
      const int point = y % Form::kPoints * Form::kPoints + x % Form::kPoints;
      const int first = Form::first_slot(point), blocks = ic / kLanes * Form::slots_of_point(point);
      places[y * kInputs + x] = {packed + first * slot_floats, (Form::slot(y, x) - first) * ic, blocks,
                                 chunk_blocks<S>(blocks, 1)};
    }
  }
  const Share<S> share(tiles, rank, size);
  for (int tile = share.begin; tile < share.end; ++tile) {
    for (int i = 0; i < ic; ++i) {
      for (int o = 0; o < kTileChannels; ++o) {
        const int channel = tile * kTileChannels + o;
        double u[Form::kSlots] = {};
        if (channel < oc) {
          const float* weights = oihw + (static_cast<std::size_t>(channel) * ic + i) * 9;
          const double scale = oc_scale ? oc_scale[channel] : 1.0;
          double g[9], columns[kInputs * 3];  // columns: G g
          for (int tap = 0; tap < 9; ++tap) g[tap] = scale * static_cast<double>(weights[tap]);
          for (int x = 0; x < 3; ++x) transform_weights<S, Form>(g + x, 3, columns + x, 3);
          for (int y = 0; y < kInputs; ++y)
            transform_weights<S, Form>(columns + y * 3, 1, u + y * kInputs, 1);
        }
        for (int p = 0; p < Form::kSlots; ++p) {
          const Place& place = places[p];
          const int row = place.row + i, first = row / kLanes / place.chunk * place.chunk;
          const int count = first + place.chunk < place.blocks ? place.chunk : place.blocks - first;
          float* chunk = place.point + static_cast<std::size_t>(first) * kLanes * tiles * kTileChannels;
          chunk[(static_cast<std::size_t>(tile) * count * kLanes + (row - first * kLanes)) * kTileChannels +
                o] = static_cast<float>(u[p]);
        }
      }
    }
  }
}

template <class S>
void pack_winograd(const float* oihw, const double* oc_scale, int ic, int oc, const WinogradForm& form,
                   float* packed, int rank, int size) {
  with_form<S>(
      form, [&](auto f) { pack_winograd_form<S, decltype(f)>(oihw, oc_scale, ic, oc, packed, rank, size); });
}

// Floats between the slots of V and between the points of the products. Without the gap their distance is
// often a multiple of 4 KiB, and the 36 values that a transform reads or writes share one set of the L1
// cache: at 14x14 both transforms then take two to three times as long.
inline constexpr int kGap = 32;

template <class S>
RESNET_INLINE std::ptrdiff_t buffer_stride(int tiles, int channels) {
  return static_cast<std::ptrdiff_t>(tiles) * channels + kGap;
}

template <class S>
std::size_t winograd_input_bytes(const WinogradForm& form, int tiles, int ic) {
  return with_form<S>(form, [&](auto f) -> std::size_t {
    return sizeof(float) * decltype(f)::kSlots * buffer_stride<S>(tiles, ic);
  });
}

template <class S>
std::size_t winograd_product_bytes(const WinogradForm& form, int tiles, int oc) {
  return with_form<S>(form, [&](auto f) -> std::size_t {
    return sizeof(float) * decltype(f)::kPointsOfTile * buffer_stride<S>(tiles, oc);
  });
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

template <class S, class Form>
void winograd_input_form(const WinogradArgs& a, int rank, int size) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, kInputs = Form::kInputs, kStride = Form::kStride;
  const Strides<S> in(a.in);
  const int tiles = a.tile_end - a.tile_begin, blocks = a.in.c / kLanes;
  const std::ptrdiff_t slot_stride = buffer_stride<S>(tiles, a.in.c);
  for_each_tile<S, Form::kM>(a, blocks, rank, size, [&](int tile, int block, const auto& at) {
    const int first_row = at.y * kStride - 1, first_column = at.x * kStride - 1;
    const float* corner = pixel(a.in, in, at.n, first_row, first_column) + block * in.plane;
    Vec d[kInputs * kInputs];
    // Rows [top, bottom) and columns [left, right) of the tile lie inside the image; the rest is padding.
    const int top = first_row < 0 ? 1 : 0, left = first_column < 0 ? 1 : 0;
    const int bottom = a.in.h - first_row, right = a.in.w - first_column;
    for (int y = 0; y < kInputs; ++y) {
      Vec* row = d + y * kInputs;
      const float* from = corner + y * in.row;
      if (y < top || y >= bottom) {
        unroll<S, kInputs>([&](auto x) __attribute__((always_inline)) { row[x] = S::zero(); });
        continue;
      }
      if (left == 0 && right >= kInputs) {
        unroll<S, kInputs>([&](auto x)
                               __attribute__((always_inline)) { row[x] = S::load(from + x * kLanes); });
      } else {
        unroll<S, kInputs>([&](auto x) __attribute__((always_inline)) {
          row[x] = x >= left && x < right ? S::load(from + x * kLanes) : S::zero();
        });
      }
      transform_input<S, Form>(row, 1);
    }
    float* to = a.v + (static_cast<std::ptrdiff_t>(block) * tiles + tile) * kLanes;
    unroll<S, kInputs>([&](auto x) __attribute__((always_inline)) {
      transform_input<S, Form>(d + x, kInputs);
      unroll<S, kInputs>([&](auto y) __attribute__((always_inline)) {
        constexpr int kSlot = Form::slot(decltype(y)::value, decltype(x)::value);
        S::store(to + kSlot * slot_stride, d[y * kInputs + x]);
      });
    });
  });
}

template <class S, class Form>
void winograd_gemm_form(const WinogradArgs& a, int rank, int size) {
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  const auto* kernels = micro_kernels<S, float, kLanes, kLanes>();
  const int tiles = a.tile_end - a.tile_begin;
  const int slot_blocks = a.in.c / kLanes, oc_tiles = channel_tiles<S>(a.out.c);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(tiles) * kLanes;
  const std::ptrdiff_t slot_stride = buffer_stride<S>(tiles, a.in.c),
                       point_stride = buffer_stride<S>(tiles, a.out.c);
  const std::size_t slot_floats = packed_conv_elements<S>(a.in.c, a.out.c, 1);
  const Tiling<S> tiling(tiles);
  // Units of equal work: (slot, oc tile). A point's oc tile goes to whoever has the first of its units.
  const Share<S> share(static_cast<std::int64_t>(Form::kSlots) * oc_tiles, rank, size);
  for (int point = 0; point < Form::kPointsOfTile; ++point) {
    const int slots = Form::slots_of_point(point), first_slot = Form::first_slot(point);
    const auto owned = [&](int unit) {  // oc tiles of this point whose first unit is before `unit`
      const int past = (unit - first_slot * oc_tiles + slots - 1) / slots;
      return unit <= first_slot * oc_tiles ? 0 : past < oc_tiles ? past : oc_tiles;
    };
    const int first_tile = owned(share.begin), last_tile = owned(share.end);
    if (first_tile == last_tile) continue;
    const int blocks = slots * slot_blocks, chunk = chunk_blocks<S>(blocks, 1);
    const float* v = a.v + first_slot * slot_stride;
    const float* matrix = a.weights + first_slot * slot_floats;
    float* products = a.products + point * point_stride;
    for (int first = 0; first < blocks; first += chunk) {
      const int count = first + chunk < blocks ? chunk : blocks - first;
      const float* weights = matrix + static_cast<std::size_t>(first) * kLanes * oc_tiles * kTileChannels;
      std::ptrdiff_t offsets[kMaxPieces<S>];
      for (int piece = 0; piece < count; ++piece) {
        const int block = first + piece;
        offsets[piece] = block / slot_blocks * slot_stride + block % slot_blocks * plane;
      }
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
        loop.input_ahead = oc_tile + 1 == last_tile ? slots * slot_stride : 0;
        for (int t = 0; t < tiling.tiles; ++t) {
          const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(tiling.start(t)) * kLanes;
          share_prefetch<S>(loop, w + tile_floats, count * kLanes, t, tiling.tiles);
          kernels[tiling.size(t)](loop, v + offset, w, products + oc_tile * S::kTileVectors * plane + offset,
                                  nullptr);
        }
      }
    }
  }
}

template <class S, class Form>
void winograd_output_form(const WinogradArgs& a, int rank, int size) {
  using Vec = typename S::Vec;
  constexpr int kLanes = S::kLanes, kPoints = Form::kPoints, M = Form::kM;
  constexpr bool kZero = Form::kStride == 1;
  const Epilogue& e = a.epilogue;
  const Strides<S> out(a.out), res(e.residual);
  const int tiles = a.tile_end - a.tile_begin, blocks = a.out.c / kLanes;
  const std::ptrdiff_t point_stride = buffer_stride<S>(tiles, a.out.c);
  for_each_tile<S, M>(a, blocks, rank, size, [&](int tile, int block, const auto& at) {
    const float* from = a.products + (static_cast<std::ptrdiff_t>(block) * tiles + tile) * kLanes;
    Vec y[kPoints * kPoints];
    for (int row = 0; row < kPoints; ++row) {
      unroll<S, kPoints>([&](auto x) __attribute__((always_inline)) {
        y[row * kPoints + x] = S::load(from + (row * kPoints + x) * point_stride);
      });
      transform_output<S, M, kZero>(y + row * kPoints, 1);
    }
    const Vec bias = S::load(e.bias + block * kLanes);
    const int height = a.out.h - at.y < M ? a.out.h - at.y : M;
    const int width = a.out.w - at.x < M ? a.out.w - at.x : M;
    float* to = pixel(a.out, out, at.n, at.y, at.x) + block * out.plane;
    const float* residual =
        e.residual.data ? pixel(e.residual, res, at.n, at.y, at.x) + block * res.plane : nullptr;
    unroll<S, M>([&](auto x)
                     __attribute__((always_inline)) { transform_output<S, M, kZero>(y + x, kPoints); });
    for (int row = 0; row < height; ++row) {
      for (int x = 0; x < width; ++x) {
        Vec value = S::add(y[row * kPoints + x], bias);
        if (residual) value = S::add(value, S::load(residual + row * res.row + x * kLanes));
        if (e.relu) value = S::max(value, S::zero());
        S::store(to + row * out.row + x * kLanes, value);
      }
    }
  });
}

template <class S>
void winograd_input(const WinogradArgs& a, int rank, int size) {
  with_form<S>(a.form, [&](auto f) { winograd_input_form<S, decltype(f)>(a, rank, size); });
}

template <class S>
void winograd_gemm(const WinogradArgs& a, int rank, int size) {
  with_form<S>(a.form, [&](auto f) { winograd_gemm_form<S, decltype(f)>(a, rank, size); });
}

template <class S>
void winograd_output(const WinogradArgs& a, int rank, int size) {
  with_form<S>(a.form, [&](auto f) { winograd_output_form<S, decltype(f)>(a, rank, size); });
}

}  // namespace resnet::cpu::generic
