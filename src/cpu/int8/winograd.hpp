// 3x3 convolution, stride 1, padding 1, by Winograd's F(4x4, 3x3) (Lavin & Gray 2016) in integers, exactly:
// the same sums as the direct algorithm's from a quarter of the products, for instruction sets that multiply
// words.
//
// The points are 0, ±1, ±2, ∞. Bᵀ holds integers; of G and Aᵀ each row of G is multiplied by the least number
// that makes it whole and Aᵀ's column by 24 over it:
//
//   Bᵀ = 4  0 -5  0  1  0    G' =  1  0  0    A'ᵀ = 6  4  4  1  1  0
//        0 -4 -4  1  1  0         -1 -1 -1          0  4 -4  2 -2  0
//        0  4 -4 -1  1  0         -1  1 -1          0  4  4  4  4  0
//        0 -2 -1  2  1  0          1  2  4          0  4 -4  8 -8 24
//        0  2 -1 -2  1  0          1 -2  4
//        0  4  0 -5  0  1          0  0  1
//
// Bᵀ d B of u8 stays within ±25500 and G' g G'ᵀ of s8 within ±6223: both are words. The products' sums and
// A'ᵀ m A' are computed modulo 2^32 and give 24² = 2^6 · 9 times the convolution's sum; multiplied by 9's
// inverse modulo 2^32 they are 2^6 times it, and a shift leaves its lowest 26 bits, which are all where it
// lies within ±2^25 (winograd_is_exact()).
#pragma once

#include "cpu/int8/generic/conv.hpp"

namespace resnet::cpu::int8 {

inline constexpr int kWinogradTile = 4, kWinogradAlpha = 6, kWinogradPoints = kWinogradAlpha * kWinogradAlpha;

// Tiles whose transformed input stays in L2 together.
inline constexpr int kWinogradBlock = 28;

// Whether no input can bring a sum out of ±2^25.
template <class S>
bool winograd_is_exact(const std::int8_t* oihw, int ic, int oc) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 25;
  const std::ptrdiff_t per_channel = static_cast<std::ptrdiff_t>(ic) * 9;
  for (int o = 0; o < oc; ++o) {
    std::int64_t positive = 0, negative = 0;
    for (std::ptrdiff_t i = o * per_channel; i < (o + 1) * per_channel; ++i)
      (oihw[i] > 0 ? positive : negative) += 255 * oihw[i];
    if (positive >= kLimit || negative < -kLimit) return false;
  }
  return true;
}

template <class W>
std::size_t packed_winograd_bytes(int ic, int oc) {
  return sizeof(typename W::Weight) * kWinogradPoints * padded_channels(ic) * padded_channels(oc);
}

// [oc tile][point][group][V][L][kGroup].
template <class W>
void pack_winograd(const std::int8_t* oihw, int ic, int oc, void* packed, int rank, int size) {
  constexpr int kG[kWinogradAlpha][3] = {{1, 0, 0}, {-1, -1, -1}, {-1, 1, -1},
                                         {1, 2, 4}, {1, -2, 4},   {0, 0, 1}};
  generic::pack_tiles<W>(padded_channels(oc) / generic::kTileChannels<W>,
                         kWinogradPoints * padded_channels(ic), static_cast<typename W::Weight*>(packed),
                         rank, size, [&](int o, int k) {
                           const int point = k / padded_channels(ic), channel = k % padded_channels(ic);
                           if (o >= oc || channel >= ic) return 0;
                           const int* row = kG[point / kWinogradAlpha];
                           const int* column = kG[point % kWinogradAlpha];
                           const std::int8_t* g = oihw + (static_cast<std::ptrdiff_t>(o) * ic + channel) * 9;
                           int sum = 0;
                           for (int i = 0; i < 9; ++i) sum += row[i / 3] * column[i % 3] * g[i];
                           return sum;
                         });
}

// Elements from one point to the next. Powers of two would put all points of a tile into a few sets of L1.
template <class W>
RESNET_INLINE std::ptrdiff_t winograd_input_stride(int ic) {
  return static_cast<std::ptrdiff_t>(kWinogradBlock) * ic + kBlock;
}
template <class W>
inline constexpr std::ptrdiff_t kWinogradProductStride = (kWinogradBlock + 1) * generic::kTileChannels<W>;

// Transformed input and one oc tile's products of a block of tiles.
template <class W>
std::size_t winograd_scratch_bytes(int ic) {
  return kWinogradPoints * (sizeof(typename W::Element) * winograd_input_stride<W>(padded_channels(ic)) +
                            sizeof(std::int32_t) * kWinogradProductStride<W>);
}

// One dimension of Bᵀ d.
template <class W>
RESNET_INLINE void transform_input(const typename W::Words (&d)[6], typename W::Words (&t)[6]) {
  const auto four = [](typename W::Words x) __attribute__((always_inline)) {
    return W::shift_words(x, 2);
  };
  const auto two = [](typename W::Words x) __attribute__((always_inline)) {
    return W::shift_words(x, 1);
  };
  const auto add = [](typename W::Words a, typename W::Words b) __attribute__((always_inline)) {
    return W::add_words(a, b);
  };
  const auto sub = [](typename W::Words a, typename W::Words b) __attribute__((always_inline)) {
    return W::sub_words(a, b);
  };
  // 4a - 5b + c = 4 (a - b) + (c - b).
  t[0] = add(four(sub(d[0], d[2])), sub(d[4], d[2]));
  t[5] = add(four(sub(d[1], d[3])), sub(d[5], d[3]));
  const auto even = sub(d[4], four(d[2])), odd = sub(d[3], four(d[1]));
  t[1] = add(even, odd);
  t[2] = sub(even, odd);
  const auto outer = sub(d[4], d[2]), inner = two(sub(d[3], d[1]));
  t[3] = add(outer, inner);
  t[4] = sub(outer, inner);
}

// One dimension of A'ᵀ m.
template <class W>
RESNET_INLINE void transform_output(const typename W::Vec (&m)[6], typename W::Vec (&y)[4]) {
  const auto add = [](typename W::Vec a, typename W::Vec b) __attribute__((always_inline)) {
    return W::add_sums(a, b);
  };
  const auto times = [](typename W::Vec a, auto bits) __attribute__((always_inline)) {
    return W::template shift_sums<bits>(a);
  };
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  using Three = std::integral_constant<int, 3>;
  const auto sum1 = times(add(m[1], m[2]), Two{}), difference1 = times(W::sub_sums(m[1], m[2]), Two{});
  const auto sum2 = add(m[3], m[4]), difference2 = times(W::sub_sums(m[3], m[4]), One{});
  const auto six = add(times(m[0], Two{}), times(m[0], One{}));
  const auto twenty_four = add(times(m[5], Three{}), times(times(m[5], Three{}), One{}));
  y[0] = add(six, add(sum1, sum2));
  y[1] = add(difference1, difference2);
  y[2] = add(sum1, times(sum2, Two{}));
  y[3] = add(add(difference1, times(difference2, Two{})), twenty_four);
}

// The place of a tile.
struct WinogradTile {
  int n, y, x;  // of its first output pixel
};

// Tile t's transformed input, all channels: v[point][channel block][tile][64].
template <class S, class W>
void winograd_input(const Activation& in, const WinogradTile& tile, int t, typename W::Element* v) {
  using Words = typename W::Words;
  constexpr int kWords = sizeof(Words) / sizeof(typename W::Element);
  const generic::Strides<S> is(in);
  const std::ptrdiff_t stride = winograd_input_stride<W>(in.c);
  for (int block = 0; block < in.c / kBlock; ++block) {
    const typename S::Element* from = generic::pixel(in, is, tile.n, 0, 0) + block * is.plane;
    typename W::Element* to = v + (static_cast<std::ptrdiff_t>(block) * kWinogradBlock + t) * kBlock;
    for (int lane = 0; lane < kBlock; lane += kWords) {
      Words columns[6][6];  // [column][row]
      for (int j = 0; j < 6; ++j) {
        Words d[6];
        const int x = tile.x - 1 + j;
        for (int i = 0; i < 6; ++i) {
          const int y = tile.y - 1 + i;
          const bool inside = x >= 0 && x < in.w && y >= 0 && y < in.h;
          d[i] = inside ? W::load_words(from + y * is.row + static_cast<std::ptrdiff_t>(x) * kBlock + lane)
                        : W::zero_words();
        }
        transform_input<W>(d, columns[j]);
      }
      for (int i = 0; i < 6; ++i) {
        Words d[6], row[6];
        for (int j = 0; j < 6; ++j) d[j] = columns[j][i];
        transform_input<W>(d, row);
        for (int j = 0; j < 6; ++j) W::store_words(to + (i * 6 + j) * stride + lane, row[j]);
      }
    }
  }
}

// acc → the raw sums of products, [tile][kTileChannels].
template <class W>
struct ToSums {
  using Out = std::int32_t;
  template <int R>
  static RESNET_INLINE void apply(const generic::TileLoop<W>&, typename W::Vec (&acc)[R][W::kTileVectors],
                                  std::int32_t* out, const std::int32_t*) {
    generic::unroll<W, R>([&](auto p) __attribute__((always_inline)) {
      generic::unroll<W, W::kTileVectors>([&](auto v) __attribute__((always_inline)) {
        W::store_sums(out + (p * W::kTileVectors + v) * W::kLanes, acc[p][v]);
      });
    });
  }
};

// One oc tile's steps of a tile from its products, [point][tile][kTileChannels].
template <class S, class W>
void winograd_output(const ConvArgs& a, const generic::TileLoop<S>& loop, const WinogradTile& tile,
                     const std::int32_t* products, typename S::Element* out, std::ptrdiff_t out_row,
                     const typename S::Element* residual, std::ptrdiff_t residual_row) {
  using Vec = typename S::Vec;
  constexpr int V = S::kTileVectors;
  constexpr std::int32_t kInverseOf9 = 0x38E38E39;  // modulo 2^32
  alignas(64) std::int32_t sums[kWinogradTile][kWinogradTile][V][S::kLanes];
  for (int v = 0; v < V; ++v) {
    const Vec bias = S::load(loop.bias + v * S::kLanes);
    Vec columns[6][4];
    for (int j = 0; j < 6; ++j) {
      Vec m[6];
      for (int i = 0; i < 6; ++i)
        m[i] = S::load(products + (i * 6 + j) * kWinogradProductStride<W> + v * S::kLanes);
      transform_output<W>(m, columns[j]);
    }
    for (int i = 0; i < 4; ++i) {
      Vec m[6], y[4];
      for (int j = 0; j < 6; ++j) m[j] = columns[j][i];
      transform_output<W>(m, y);
      for (int j = 0; j < 4; ++j) {
        const Vec sum = W::shift_right_sums(W::multiply_sums(y[j], kInverseOf9));
        W::store_sums(sums[i][j][v], W::add_sums(sum, bias));
      }
    }
  }
  const int rows = a.out.h - tile.y < 4 ? a.out.h - tile.y : 4,
            columns = a.out.w - tile.x < 4 ? a.out.w - tile.x : 4;
  for (int i = 0; i < rows; ++i) {
    typename S::Element* to = out + i * out_row;
    const typename S::Element* from = residual == nullptr ? nullptr : residual + i * residual_row;
    const auto finish = [&](auto count) __attribute__((always_inline)) {
      Vec acc[count][V];
      generic::unroll<S, count>([&](auto j) __attribute__((always_inline)) {
        generic::unroll<S, V>([&](auto v)
                                  __attribute__((always_inline)) { acc[j][v] = S::load(sums[i][j][v]); });
      });
      generic::ToSteps<S>::template apply<count>(loop, acc, to, from);
    };
    switch (columns) {
      case 1:
        finish(std::integral_constant<int, 1>{});
        break;
      case 2:
        finish(std::integral_constant<int, 2>{});
        break;
      case 3:
        finish(std::integral_constant<int, 3>{});
        break;
      default:
        finish(std::integral_constant<int, 4>{});
        break;
    }
  }
}

// Members get a rectangle of (tiles) x (oc tiles). `scratch` is the member's own.
template <class S, class W>
void winograd(const ConvArgs& a, void* scratch, int rank, int size) {
  using Element = typename S::Element;
  using Weight = typename W::Weight;
  const auto* kernels = generic::micro_kernels<W, ToSums<W>, kBlock, kBlock / generic::kLoad<W>>();
  constexpr int kOcTile = generic::kTileChannels<S>;
  const generic::Strides<S> out(a.out), res(a.requantize.residual);
  const Activation& residual = a.requantize.residual;
  const int across = (a.out.w + 3) / 4, down = (a.out.h + 3) / 4, tiles = a.out.n * down * across;
  const int oc_tiles = a.out.c / kOcTile, pieces = a.in.c / kBlock;
  const std::ptrdiff_t point_weights = static_cast<std::ptrdiff_t>(a.in.c) * kOcTile;
  const std::ptrdiff_t stride = winograd_input_stride<W>(a.in.c);
  auto* v = static_cast<typename W::Element*>(scratch);
  auto* products = reinterpret_cast<std::int32_t*>(v + kWinogradPoints * stride);

  const generic::Grid<S> grid(tiles, oc_tiles, sizeof(Element) * a.in.n * a.in.c * a.in.h * a.in.w,
                              packed_winograd_bytes<W>(a.in.c, a.out.c), size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const generic::Share<S> my_tiles(tiles, rank / grid.across_channels, grid.across_pixels);
  const generic::Share<S> my_channels(oc_tiles, rank % grid.across_channels, grid.across_channels);
  const int my_count = my_tiles.end - my_tiles.begin,
            blocks = (my_count + kWinogradBlock - 1) / kWinogradBlock;

  std::ptrdiff_t offsets[generic::kMaxPieces];
  for (int piece = 0; piece < pieces; ++piece)
    offsets[piece] = static_cast<std::ptrdiff_t>(piece) * kWinogradBlock * kBlock;
  alignas(64) constexpr std::int32_t kNoBias[kOcTile] = {};

  for (int b = 0; b < blocks; ++b) {
    const generic::Share<S> block(my_count, b, blocks);
    const int count = block.end - block.begin;
    const generic::Tiling<W> tiling(count);
    WinogradTile places[kWinogradBlock];
    for (int t = 0; t < count; ++t) {
      const int tile = my_tiles.begin + block.begin + t;
      places[t] = {tile / (down * across), tile / across % down * 4, tile % across * 4};
      winograd_input<S, W>(a.in, places[t], t, v);
    }
    for (int oc_tile = my_channels.begin; oc_tile < my_channels.end; ++oc_tile) {
      const int oc = oc_tile * kOcTile;
      const Weight* w = static_cast<const Weight*>(a.weights) + oc_tile * kWinogradPoints * point_weights;
      generic::TileLoop<W> loop{.pieces = pieces, .offsets = offsets, .bias = kNoBias};
      // Weights are read front to back; each tile of a point fetches its share of the next point's.
      loop.prefetch_step =
          (static_cast<std::ptrdiff_t>(sizeof(Weight)) * kOcTile * generic::kLoad<W> + tiling.tiles - 1) /
          tiling.tiles;
      const std::ptrdiff_t fetched = loop.prefetch_step * pieces * (kBlock / generic::kLoad<W>);
      for (int point = 0; point < kWinogradPoints; ++point, w += point_weights) {
        for (int t = 0; t < tiling.tiles; ++t) {
          const int first = tiling.start(t);
          loop.prefetch = reinterpret_cast<const std::byte*>(w + point_weights) + fetched * t;
          kernels[tiling.size(t)](loop, v + point * stride + first * kBlock, w,
                                  products + point * kWinogradProductStride<W> + first * kOcTile, nullptr);
        }
      }
      const generic::TileLoop<S> finish{.bias = a.requantize.bias + oc,
                                        .multiplier = a.requantize.multiplier + oc,
                                        .residual_multiplier = a.requantize.residual_multiplier,
                                        .residual_signed = residual.is_signed,
                                        .out_signed = a.out.is_signed};
      for (int t = 0; t < count; ++t) {
        const WinogradTile& p = places[t];
        Element* to = generic::pixel(a.out, out, p.n, p.y, p.x) + oc / kBlock * out.plane + oc % kBlock;
        const Element* from = residual.data == nullptr ? nullptr
                                                       : generic::pixel(residual, res, p.n, p.y, p.x) +
                                                             oc / kBlock * res.plane + oc % kBlock;
        winograd_output<S, W>(a, finish, p, products + t * kOcTile, to, out.row, from, res.row);
      }
    }
  }
}

}  // namespace resnet::cpu::int8
