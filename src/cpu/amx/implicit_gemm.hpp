// Convolution with AMX: a tile register holds 16 rows of 64 bytes; one instruction multiplies 16 pixels x 64
// bytes of k with 64 bytes of k x 16 output channels in 16 cycles.
//
// A pair of pixel tiles meets a pair of channel tiles: four accumulators, and two loads of each kind for four
// products. Where an image has no more than four pixel tiles, as layer4's have, all four meet one channel
// tile after the other, so that weights, which come from L3 then, are read once. Input tiles are read in
// place, a row of a tile being a pixel's block of channels, so an evenly spaced run of pixels is a tile. The
// accumulators of one pair of tiles are finished, by AVX-512, while the products of the next pair run: in
// between the steps of k.
//
// Precisions differ in what A, the arithmetic, provides; everything here counts in bytes:
//
//   kElementBytes            of an activation
//   product<acc, x, w>()     accumulator tile += pixel tile · weight tile
//   Channels                 what a pair of channel tiles has in common: `bias`, 32 values that accumulators
//                            start from, and what rows() needs
//   channels(args, oc)       those of ConvArgs or StemArgs from output channel oc on
//   residual(args)           the activation that ConvArgs adds
//   rows(channels, acc, out_at, residual_at, out, residual, begin, end)
//                            finishes rows [begin, end) of the accumulators, 32 values each: out_at[row] is
//                            the row's pixel, < 0 for a row that is none
//
// Included by one file a precision, whose A lies in an unnamed namespace, so that their code stays apart.
#pragma once

#include "cpu/activation.hpp"
#include "cpu/generic/sharing.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace resnet::cpu::amx {

inline constexpr int kTileRows = 16, kPairChannels = 32;
inline constexpr std::ptrdiff_t kPixelBytes = 64;  // a block of channels, a tile's row
// A channel tile's weights of one step of k.
inline constexpr std::ptrdiff_t kPieceBytes = kPixelBytes * kTileRows;
inline constexpr std::ptrdiff_t kL1Weights = 36 << 10;
inline constexpr int kMaxPieces = 64 * 9;  // channel blocks (2048 channels of bf16) x taps (3x3)

// Tiles 0 … 3 accumulate; 4 and 5 hold pixels, 6 and 7 weights.
template <class A, int Tile>
RESNET_INLINE void load_tile(const void* base, std::ptrdiff_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(base), "r"(stride), "i"(Tile));
}
template <class A, int Tile>
RESNET_INLINE void store_tile(void* base, std::ptrdiff_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(base), "r"(stride), "i"(Tile) : "memory");
}

// The tile registers set up for pixel tiles of `rows` rows, as long as this lives.
template <class A>
class TileRegisters {
 public:
  explicit TileRegisters(int rows) {
    struct alignas(64) Configuration {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t column_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } configuration;
    for (int tile = 0; tile < 8; ++tile) {
      configuration.column_bytes[tile] = kPixelBytes;
      configuration.rows[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : kTileRows);
    }
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  ~TileRegisters() { asm volatile("tilerelease" ::); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// Where pixel tiles begin, and the pixel that each of their rows is in output and residual, counted from
// their start; < 0 for a row that is no pixel, or another tile's.
template <class A>
struct PixelTiles {
  static constexpr int kMost = 64;
  const std::byte* in[kMost];
  std::int32_t out[kMost * kTileRows];
  std::int32_t residual[kMost * kTileRows];
};

// Accumulators of a pair that still have to be finished.
template <class A>
struct Pending {
  typename A::Channels channels{};
  const std::int32_t* acc = nullptr;
  const std::int32_t* out_at = nullptr;  // of each row
  const std::int32_t* residual_at = nullptr;
  std::byte* out = nullptr;
  const std::byte* residual = nullptr;
  int next = 0, end = 0;

  RESNET_INLINE void finish(int count) {
    const int stop = next + count < end ? next + count : end;
    if (next == stop) return;
    A::rows(channels, acc, out_at, residual_at, out, residual, next, stop);
    next = stop;
  }
};

// The products of pixel tiles with one pair of channel tiles after another.
template <class A>
class Multiplier {
 public:
  // `pixel_stride`: bytes between the rows of a tile. `offsets`: of each step of k, in bytes.
  Multiplier(int rows, std::ptrdiff_t pixel_stride, const std::ptrdiff_t* offsets, int pieces)
      : registers_(rows), pixel_stride_(pixel_stride), offsets_(offsets), pieces_(pieces) {}

  // `count` tiles from t on, 1, 2 or 4. `next` is what one or two fetch into L2 meanwhile: `lines` cache
  // lines for each step of k through the weights.
  RESNET_INLINE void run(const typename A::Channels& channels, const PixelTiles<A>& tiles, int t, int count,
                         const std::byte* weights, const std::byte* next, int lines, std::byte* out,
                         const std::byte* residual) {
    asm volatile("" ::: "memory");  // the tile loads below see what was written above
    const std::byte* const* in = tiles.in + t;
    std::int32_t* acc = accumulators_[buffer_];
    if (count == 4) {
      column(channels, in, weights, acc, std::integral_constant<int, 0>{});
      column(channels, in, weights + pieces_ * kPieceBytes, acc, std::integral_constant<int, 1>{});
    } else if (count == 2) {
      block<2>(channels, in, weights, next, lines, acc);
    } else {
      block<1>(channels, in, weights, next, lines, acc);
    }
    buffer_ = 1 - buffer_;
    pending_ = {.channels = channels,
                .acc = acc,
                .out_at = tiles.out + t * kTileRows,
                .residual_at = tiles.residual + t * kTileRows,
                .out = out,
                .residual = residual,
                .end = count * kTileRows};
  }

  void finish() { pending_.finish(kMostRows); }

 private:
  static constexpr int kMostRows = 4 * kTileRows, kStepsAhead = 4;
  static constexpr std::ptrdiff_t kAccStride = kPairChannels * sizeof(std::int32_t);

  // One or two pixel tiles with both channel tiles: accumulators [pixel tile][channel tile].
  template <int Count>
  RESNET_INLINE void block(const typename A::Channels& channels, const std::byte* const* in,
                           const std::byte* w, const std::byte* next, int lines, std::int32_t* acc) {
    // Every row of an accumulator starts as the bias.
    const auto* bias = reinterpret_cast<const std::byte*>(channels.bias);
    load_tile<A, 0>(bias, 0);
    load_tile<A, 1>(bias + 64, 0);
    if constexpr (Count == 2) {
      load_tile<A, 2>(bias, 0);
      load_tile<A, 3>(bias + 64, 0);
    }
    const std::byte* const in0 = in[0];
    const std::byte* const in1 = in[Count - 1];
    const std::ptrdiff_t second = pieces_ * kPieceBytes;  // to the other channel tile's weights
    const int slice = (pending_.end - pending_.next + pieces_ - 1) / pieces_;
    for (int piece = 0; piece < pieces_; ++piece) {
      load_tile<A, 4>(in0 + offsets_[piece], pixel_stride_);
      load_tile<A, 6>(w, 64);
      load_tile<A, 7>(w + second, 64);
      A::template product<0, 4, 6>();
      A::template product<1, 4, 7>();
      if constexpr (Count == 2) {
        load_tile<A, 5>(in1 + offsets_[piece], pixel_stride_);
        A::template product<2, 5, 6>();
        A::template product<3, 5, 7>();
      }
      w += kPieceBytes;
      for (int line = 0; line < lines; ++line) __builtin_prefetch(next + line * 64, 0, 2);
      next += 2 * kPieceBytes;
      pending_.finish(slice);
    }
    pending_.finish(kMostRows);
    constexpr int kTile = kTileRows * kPairChannels;
    store_tile<A, 0>(acc, kAccStride);
    store_tile<A, 1>(acc + kTileRows, kAccStride);
    if constexpr (Count == 2) {
      store_tile<A, 2>(acc + kTile, kAccStride);
      store_tile<A, 3>(acc + kTile + kTileRows, kAccStride);
    }
  }

  // Four pixel tiles with one of the channel tiles.
  template <int Channel>
  RESNET_INLINE void column(const typename A::Channels& channels, const std::byte* const* in,
                            const std::byte* w, std::int32_t* acc, std::integral_constant<int, Channel>) {
    const auto* bias = reinterpret_cast<const std::byte*>(channels.bias) + 64 * Channel;
    generic::unroll<A, 4>([&](auto i) __attribute__((always_inline)) { load_tile<A, i>(bias, 0); });
    const int slice = (kMostRows + 2 * pieces_ - 1) / (2 * pieces_);
    for (int piece = 0; piece < pieces_; ++piece) {
      load_tile<A, 6>(w, 64);
      generic::unroll<A, 4>([&](auto i) __attribute__((always_inline)) {
        load_tile<A, 4 + i % 2>(in[i] + offsets_[piece], pixel_stride_);
        A::template product<i, 4 + i % 2, 6>();
      });
      // The weights pass once, from L3, so that the next steps' are fetched into L1.
      generic::unroll<A, kTileRows>([&](auto line) __attribute__((always_inline)) {
        __builtin_prefetch(w + kStepsAhead * kPieceBytes + line * 64);
      });
      w += kPieceBytes;
      pending_.finish(slice);
    }
    if constexpr (Channel == 1) pending_.finish(kMostRows);
    generic::unroll<A, 4>([&](auto i) __attribute__((always_inline)) {
      store_tile<A, i>(acc + i * kTileRows * kPairChannels + Channel * kTileRows, kAccStride);
    });
  }

  TileRegisters<A> registers_;
  std::ptrdiff_t pixel_stride_;
  const std::ptrdiff_t* offsets_;
  int pieces_;
  Pending<A> pending_;
  int buffer_ = 0;
  alignas(64) std::int32_t accumulators_[2][kMostRows * kPairChannels];
};

// Of an activation, in bytes.
template <class A>
struct Strides {
  std::ptrdiff_t row, plane, image;
  explicit Strides(const Activation& a)
      : row((a.w + 2 * a.halo) * kPixelBytes),
        plane(row * (a.h + 2 * a.halo)),
        image(plane * (static_cast<std::ptrdiff_t>(a.c) * A::kElementBytes / kPixelBytes)) {}
};

// Pixel (y, x) in channel block 0 of image n, in bytes from the activation's start; y and x may reach into
// the halo.
template <class A>
RESNET_INLINE std::ptrdiff_t offset_of(const Activation& a, const Strides<A>& s, int n, int y, int x) {
  return n * s.image + (y + a.halo) * s.row + (x + a.halo) * kPixelBytes;
}

// Output channel `channel` of every pixel.
template <class A>
RESNET_INLINE std::ptrdiff_t channel_offset(std::ptrdiff_t plane, int channel) {
  const std::ptrdiff_t bytes = static_cast<std::ptrdiff_t>(channel) * A::kElementBytes;
  return bytes / kPixelBytes * plane + bytes % kPixelBytes;
}

// How the output's pixels become tiles.
template <class A>
struct TileShape {
  bool flat;   // tiles run on over the ends of rows, through the halo, whose pixels are left out
  int pitch;   // flat: pixels from one row to the next; else 0
  int length;  // pixels of a run: a row, or flat an image
  int tiles;   // a run
  int rows;    // of a tile
  int start(int tile) const {
    const int at = tile * rows;
    return flat || at + rows <= length ? at : length - rows;
  }
};

// The fewest tiles: four chains of products take as long with 13 rows a tile as with 16 (Emerald Rapids).
template <class A, class ConvArgs>
TileShape<A> tile_shape(const ConvArgs& a) {
  const auto cut = [](int length) {
    const int tiles = (length + kTileRows - 1) / kTileRows;
    return TileShape<A>{false, 0, length, tiles, (length + tiles - 1) / tiles};
  };
  const bool dense = a.kernel == 1 && a.stride == 1 && a.in.halo == 0;
  const int pitch = dense ? a.out.w : a.in.w + 2 * a.in.halo;
  TileShape<A> flat = cut((a.out.h - 1) * pitch + a.out.w);
  flat.flat = true, flat.pitch = pitch;
  const TileShape<A> rows = cut(a.out.w);
  return a.stride == 1 && flat.tiles < rows.tiles * a.out.h ? flat : rows;
}

template <class A, class ConvArgs>
void conv(const ConvArgs& a, int rank, int size) {
  const Activation& residual = A::residual(a);
  const Strides<A> in(a.in), out(a.out), res(residual);
  const TileShape<A> shape = tile_shape<A>(a);
  const int runs = shape.flat ? 1 : a.out.h;
  const int pixel_tiles = a.out.n * runs * shape.tiles;
  const int oc_pairs = a.out.c / kPairChannels, taps = a.kernel * a.kernel;
  const int pieces = static_cast<int>(in.image / in.plane) * taps;
  const std::ptrdiff_t pair_weights = 2 * pieces * kPieceBytes;  // of a pair of channel tiles

  // Dealt out in pairs of pixel tiles and whole blocks of channels: no cache line is two members'.
  constexpr int kPairsOfBlock = kPixelBytes / A::kElementBytes / kPairChannels;
  const int pairs_of_tiles = (pixel_tiles + 1) / 2, oc_blocks = oc_pairs / kPairsOfBlock;
  const generic::Grid<A> grid(pairs_of_tiles, oc_blocks, static_cast<std::size_t>(a.in.n * in.image),
                              static_cast<std::size_t>(pair_weights * oc_pairs), size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const generic::Share<A> my_pairs(pairs_of_tiles, rank / grid.across_channels, grid.across_pixels);
  const generic::Share<A> my_blocks(oc_blocks, rank % grid.across_channels, grid.across_channels);
  const int begin = 2 * my_pairs.begin, end = 2 * my_pairs.end < pixel_tiles ? 2 * my_pairs.end : pixel_tiles;
  const int oc_begin = my_blocks.begin * kPairsOfBlock, oc_end = my_blocks.end * kPairsOfBlock;
  // As many pairs of channel tiles at a time as have weights that stay in L1 while the pixels pass.
  const int fitting = static_cast<int>(kL1Weights / pair_weights), group = fitting < 1 ? 1 : fitting;

  std::ptrdiff_t offsets[kMaxPieces];
  for (int piece = 0, block = 0; piece < pieces; ++block) {
    for (int ky = 0; ky < a.kernel; ++ky) {
      for (int kx = 0; kx < a.kernel; ++kx)
        offsets[piece++] = block * in.plane + ky * in.row + kx * kPixelBytes;
    }
  }
  int column = begin % shape.tiles, run = begin / shape.tiles % runs, n = begin / shape.tiles / runs;
  PixelTiles<A> tiles;
  Multiplier<A> multiplier(shape.rows, a.stride * kPixelBytes, offsets, pieces);
  for (int first = begin; first < end; first += PixelTiles<A>::kMost) {
    const int count = end - first < PixelTiles<A>::kMost ? end - first : PixelTiles<A>::kMost;
    multiplier.finish();  // before its tiles are written over
    for (int t = 0; t < count; ++t) {
      const int start = shape.start(column);
      const std::ptrdiff_t corner =
          shape.flat ? offset_of<A>(a.in, in, n, -a.padding, -a.padding) + start * kPixelBytes
                     : offset_of<A>(a.in, in, n, run * a.stride - a.padding, start * a.stride - a.padding);
      tiles.in[t] = static_cast<const std::byte*>(a.in.data) + corner;
      const int y = shape.flat ? start / shape.pitch : run;
      int x = shape.flat ? start % shape.pitch : start;
      auto to = static_cast<std::int32_t>(offset_of<A>(a.out, out, n, y, 0) / kPixelBytes),
           from = static_cast<std::int32_t>(offset_of<A>(residual, res, n, y, 0) / kPixelBytes);
      for (int i = 0; i < kTileRows; ++i) {
        const int at = start + i;
        const bool mine = i < shape.rows && at < shape.length && at >= column * shape.rows && x < a.out.w;
        tiles.out[t * kTileRows + i] = mine ? to + x : -1;
        tiles.residual[t * kTileRows + i] = mine ? from + x : -1;
        if (++x == shape.pitch) {
          x = 0;
          to += static_cast<std::int32_t>(out.row / kPixelBytes);
          from += static_cast<std::int32_t>(res.row / kPixelBytes);
        }
      }
      if (++column == shape.tiles) {
        column = 0;
        if (++run == runs) run = 0, ++n;
      }
    }
    // The next group's weights are fetched a share with each step of k.
    const int together = count == 4 ? 4 : 2, passes = (count + together - 1) / together,
              lines = (2 * static_cast<int>(kPieceBytes) / 64 + passes - 1) / passes;
    for (int oc_first = oc_begin; oc_first < oc_end; oc_first += group) {
      const int oc_last = oc_first + group < oc_end ? oc_first + group : oc_end;
      for (int t = 0; t < count; t += together) {
        const int here = count - t < together ? count - t : together;
        for (int oc_pair = oc_first; oc_pair < oc_last; ++oc_pair) {
          const int oc = oc_pair * kPairChannels;
          const auto* weights = static_cast<const std::byte*>(a.weights) + oc_pair * pair_weights;
          const std::byte* next =
              weights + group * pair_weights + static_cast<std::ptrdiff_t>(t / together) * lines * 64;
          multiplier.run(A::channels(a, oc), tiles, t, here, weights, next, lines,
                         static_cast<std::byte*>(a.out.data) + channel_offset<A>(out.plane, oc),
                         residual.data == nullptr ? nullptr
                                                  : static_cast<const std::byte*>(residual.data) +
                                                        channel_offset<A>(res.plane, oc));
        }
      }
    }
  }
  multiplier.finish();
}

// A row of `w` output pixels, whose windows start `pixel_stride` bytes apart from `window` on and consist of
// `pieces` at `offsets`. Pixels of the output lie side by side, channel blocks `plane` bytes apart.
template <class A, class Args>
void row_conv(const Args& a, const std::byte* window, std::ptrdiff_t pixel_stride,
              const std::ptrdiff_t* offsets, int pieces, int w, std::byte* out, std::ptrdiff_t plane) {
  const int all = (w + kTileRows - 1) / kTileRows, rows = (w + all - 1) / all;
  PixelTiles<A> tiles;
  Multiplier<A> multiplier(rows, pixel_stride, offsets, pieces);
  for (int first = 0; first < all; first += PixelTiles<A>::kMost) {
    const int count = all - first < PixelTiles<A>::kMost ? all - first : PixelTiles<A>::kMost;
    multiplier.finish();
    for (int t = 0; t < count; ++t) {
      const int wanted = (first + t) * rows, start = wanted + rows <= w ? wanted : w - rows;
      tiles.in[t] = window + start * pixel_stride;
      for (int i = 0; i < kTileRows; ++i)
        tiles.out[t * kTileRows + i] = i < rows && start + i >= wanted ? start + i : -1;
    }
    for (int t = 0; t < count; t += 2) {
      for (int oc = 0; oc < a.out.c; oc += kPairChannels) {
        const auto* weights =
            static_cast<const std::byte*>(a.weights) + oc / kTileRows * pieces * kPieceBytes;
        multiplier.run(A::channels(a, oc), tiles, t, count - t < 2 ? 1 : 2, weights, weights, 0,
                       out + channel_offset<A>(plane, oc), nullptr);
      }
    }
  }
  multiplier.finish();
}

// Multiply-adds of one round of all four products, times `iterations`; for the roof.
template <class A>
double multiply_add_operations(std::int64_t iterations) {
  const TileRegisters<A> registers(kTileRows);
  for (std::int64_t k = 0; k < iterations; ++k) {
    A::template product<0, 4, 6>();
    A::template product<1, 4, 7>();
    A::template product<2, 5, 6>();
    A::template product<3, 5, 7>();
  }
  return 2.0 * 2 * kTileRows * kPairChannels * static_cast<double>(kPixelBytes / A::kElementBytes) *
         static_cast<double>(iterations);
}

}  // namespace resnet::cpu::amx
