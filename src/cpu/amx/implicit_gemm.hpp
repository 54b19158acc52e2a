// Convolution with AMX: a tile register holds 16 rows of 64 bytes; one instruction multiplies 16 pixels x 64
// bytes of k with 64 bytes of k x 16 output channels in 16 cycles.
//
// A pair of pixel tiles meets a pair of channel tiles: four accumulators, and two loads of each kind for four
// products. Input tiles are read in place, a row of a tile being a pixel's block of channels, so an evenly
// spaced run of pixels is a tile. The accumulators of one pair of tiles are finished, by AVX-512, while the
// products of the next pair run: in between the steps of k.
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

namespace resnet::cpu::amx {

inline constexpr int kTileRows = 16, kPair = 2 * kTileRows, kPairChannels = 32;
inline constexpr std::ptrdiff_t kPixelBytes = 64;  // a block of channels, a tile's row
inline constexpr std::ptrdiff_t kPieceBytes = kPixelBytes * kPairChannels;  // weights of one step of k
inline constexpr std::ptrdiff_t kL1Weights = 36 << 10;
inline constexpr int kMaxPieces = 64 * 9;  // channel blocks (2048 channels of bf16) x taps (3x3)

// Tiles 0 … 3 accumulate, [pixel tile][channel tile]; 4 and 5 hold pixels, 6 and 7 weights.
#define TILE_LOAD(tile, base, stride) \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(base), "r"(static_cast<std::ptrdiff_t>(stride)))
#define TILE_STORE(tile, base, stride)                                                                      \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(base), "r"(static_cast<std::ptrdiff_t>(stride)) \
               : "memory")

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
      : registers_(rows),
        pixel_stride_(pixel_stride),
        offsets_(offsets),
        pieces_(pieces),
        slice_((kPair + pieces - 1) / pieces) {}

  // Tiles t and, where there is one, t + 1 of `count`. Fetches `lines` cache lines from `next` on with each
  // step of k.
  RESNET_INLINE void run(const typename A::Channels& channels, const PixelTiles<A>& tiles, int t, int count,
                         const std::byte* weights, const std::byte* next, int lines, std::byte* out,
                         const std::byte* residual) {
    asm volatile("" ::: "memory");  // the tile loads below see what was written above
    const bool two = t + 1 < count;
    if (two) {
      products<true>(channels, tiles.in + t, weights, next, lines);
    } else {
      products<false>(channels, tiles.in + t, weights, next, lines);
    }
    pending_.finish(kPair);
    std::int32_t* acc = accumulators_[buffer_];
    buffer_ = 1 - buffer_;
    constexpr int kStride = kPairChannels * sizeof(std::int32_t), kLanes = kTileRows;
    TILE_STORE(0, acc, kStride);
    TILE_STORE(1, acc + kLanes, kStride);
    if (two) {
      TILE_STORE(2, acc + kTileRows * kPairChannels, kStride);
      TILE_STORE(3, acc + kTileRows * kPairChannels + kLanes, kStride);
    }
    pending_ = {.channels = channels,
                .acc = acc,
                .out_at = tiles.out + t * kTileRows,
                .residual_at = tiles.residual + t * kTileRows,
                .out = out,
                .residual = residual,
                .end = two ? kPair : kTileRows};
  }

  void finish() { pending_.finish(kPair); }

 private:
  template <bool Two>
  RESNET_INLINE void products(const typename A::Channels& channels, const std::byte* const* in,
                              const std::byte* w, const std::byte* next, int lines) {
    // Every row of an accumulator starts as the bias.
    const auto* bias = reinterpret_cast<const std::byte*>(channels.bias);
    TILE_LOAD(0, bias, 0);
    TILE_LOAD(1, bias + 64, 0);
    if constexpr (Two) {
      TILE_LOAD(2, bias, 0);
      TILE_LOAD(3, bias + 64, 0);
    }
    const std::byte* in0 = in[0];
    const std::byte* in1 = in[Two ? 1 : 0];
    constexpr int kWeightStride = 2 * 64;
    const int slice = slice_;
    for (int piece = 0; piece < pieces_; ++piece) {
      TILE_LOAD(4, in0 + offsets_[piece], pixel_stride_);
      TILE_LOAD(6, w, kWeightStride);
      TILE_LOAD(7, w + 64, kWeightStride);
      A::template product<0, 4, 6>();
      A::template product<1, 4, 7>();
      if constexpr (Two) {
        TILE_LOAD(5, in1 + offsets_[piece], pixel_stride_);
        A::template product<2, 5, 6>();
        A::template product<3, 5, 7>();
      }
      w += kPieceBytes;
      for (int line = 0; line < lines; ++line) __builtin_prefetch(next + line * 64, 0, 2);
      next += kPieceBytes;
      pending_.finish(slice);
    }
  }

  TileRegisters<A> registers_;
  std::ptrdiff_t pixel_stride_;
  const std::ptrdiff_t* offsets_;
  int pieces_;
  int slice_;  // rows finished with each step of k
  Pending<A> pending_;
  int buffer_ = 0;
  alignas(64) std::int32_t accumulators_[2][kPair * kPairChannels];
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

// A product takes as many cycles as its tile has rows, but four chains of them need about kLatency cycles to
// come round.
template <class A, class ConvArgs>
TileShape<A> tile_shape(const ConvArgs& a) {
  constexpr int kLatency = 13;
  const auto cut = [](int length) {
    const int tiles = (length + kTileRows - 1) / kTileRows;
    return TileShape<A>{false, 0, length, tiles, (length + tiles - 1) / tiles};
  };
  const bool dense = a.kernel == 1 && a.stride == 1 && a.in.halo == 0;
  if (dense) {
    TileShape<A> shape = cut(a.out.h * a.out.w);
    shape.flat = true, shape.pitch = a.out.w;
    return shape;
  }
  const TileShape<A> rows = cut(a.out.w);
  if (a.stride != 1) return rows;
  const int pitch = a.in.w + 2 * a.in.halo;
  TileShape<A> flat = cut((a.out.h - 1) * pitch + a.out.w);
  flat.flat = true, flat.pitch = pitch;
  const auto cycles = [](const TileShape<A>& s) { return s.tiles * (s.rows < kLatency ? kLatency : s.rows); };
  return cycles(flat) < cycles(rows) * a.out.h ? flat : rows;
}

template <class A, class ConvArgs>
void conv(const ConvArgs& a, int rank, int size) {
  const Activation& residual = A::residual(a);
  const Strides<A> in(a.in), out(a.out), res(residual);
  const TileShape<A> shape = tile_shape<A>(a);
  const int runs = shape.flat ? 1 : a.out.h;
  const int pixel_tiles = a.out.n * runs * shape.tiles;
  const int oc_tiles = a.out.c / kPairChannels, taps = a.kernel * a.kernel;
  const int pieces = static_cast<int>(in.image / in.plane) * taps;
  const std::ptrdiff_t tile_weights = pieces * kPieceBytes;

  // Dealt out in pairs of pixel tiles and whole blocks of channels: no cache line is two members'.
  constexpr int kTilesOfBlock = kPixelBytes / A::kElementBytes / kPairChannels;
  const int pairs_of_tiles = (pixel_tiles + 1) / 2, oc_blocks = oc_tiles / kTilesOfBlock;
  const generic::Grid<A> grid(pairs_of_tiles, oc_blocks, static_cast<std::size_t>(a.in.n * in.image),
                              static_cast<std::size_t>(tile_weights * oc_tiles), size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const generic::Share<A> my_pairs(pairs_of_tiles, rank / grid.across_channels, grid.across_pixels);
  const generic::Share<A> my_blocks(oc_blocks, rank % grid.across_channels, grid.across_channels);
  const int begin = 2 * my_pairs.begin, end = 2 * my_pairs.end < pixel_tiles ? 2 * my_pairs.end : pixel_tiles;
  const int oc_begin = my_blocks.begin * kTilesOfBlock, oc_end = my_blocks.end * kTilesOfBlock;
  // As many pairs of channel tiles at a time as have weights that stay in L1 while the pixels pass.
  const int fitting = static_cast<int>(kL1Weights / tile_weights), group = fitting < 1 ? 1 : fitting;

  std::ptrdiff_t offsets[kMaxPieces];
  for (int piece = 0, block = 0; piece < pieces; ++block) {
    for (int ky = 0; ky < a.kernel; ++ky) {
      for (int kx = 0; kx < a.kernel; ++kx)
        offsets[piece++] = block * in.plane + ky * in.row + kx * kPixelBytes;
    }
  }
  PixelTiles<A> tiles;
  Multiplier<A> multiplier(shape.rows, a.stride * kPixelBytes, offsets, pieces);
  for (int first = begin; first < end; first += PixelTiles<A>::kMost) {
    const int count = end - first < PixelTiles<A>::kMost ? end - first : PixelTiles<A>::kMost;
    multiplier.finish();  // before its tiles are written over
    for (int t = 0; t < count; ++t) {
      const int tile = first + t, column = tile % shape.tiles, run = tile / shape.tiles % runs,
                n = tile / shape.tiles / runs;
      const int start = shape.start(column);
      const std::ptrdiff_t corner =
          shape.flat ? offset_of<A>(a.in, in, n, -a.padding, -a.padding) + start * kPixelBytes
                     : offset_of<A>(a.in, in, n, run * a.stride - a.padding, start * a.stride - a.padding);
      tiles.in[t] = static_cast<const std::byte*>(a.in.data) + corner;
      int y = shape.flat ? start / shape.pitch : run, x = shape.flat ? start % shape.pitch : start;
      for (int i = 0; i < kTileRows; ++i) {
        const int at = start + i;
        const bool mine = i < shape.rows && at < shape.length && at >= column * shape.rows && x < a.out.w;
        const std::ptrdiff_t to = offset_of<A>(a.out, out, n, y, x) / kPixelBytes,
                             from = offset_of<A>(residual, res, n, y, x) / kPixelBytes;
        tiles.out[t * kTileRows + i] = mine ? static_cast<std::int32_t>(to) : -1;
        tiles.residual[t * kTileRows + i] = mine ? static_cast<std::int32_t>(from) : -1;
        if (++x == shape.pitch) x = 0, ++y;
      }
    }
    // The next group's weights are fetched a share with each step of k.
    const int pairs = (count + 1) / 2, lines = (static_cast<int>(kPieceBytes) / 64 + pairs - 1) / pairs;
    for (int oc_first = oc_begin; oc_first < oc_end; oc_first += group) {
      const int oc_last = oc_first + group < oc_end ? oc_first + group : oc_end;
      for (int t = 0; t < count; t += 2) {
        for (int oc_tile = oc_first; oc_tile < oc_last; ++oc_tile) {
          const int oc = oc_tile * kPairChannels;
          const auto* weights = static_cast<const std::byte*>(a.weights) + oc_tile * tile_weights;
          const std::byte* next =
              weights + group * tile_weights + static_cast<std::ptrdiff_t>(t / 2) * lines * 64;
          multiplier.run(A::channels(a, oc), tiles, t, count, weights, next, lines,
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
            static_cast<const std::byte*>(a.weights) + oc / kPairChannels * pieces * kPieceBytes;
        multiplier.run(A::channels(a, oc), tiles, t, count, weights, weights, 0,
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
  return 2.0 * kPair * kPairChannels * static_cast<double>(kPixelBytes / A::kElementBytes) *
         static_cast<double>(iterations);
}

#undef TILE_LOAD
#undef TILE_STORE

}  // namespace resnet::cpu::amx
