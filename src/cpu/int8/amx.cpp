// AMX: a tile register holds 16 rows of 64 bytes; TDPBUSD multiplies 16 pixels x 64 values of k with 64 values of
// k x 16 output channels in 16 cycles.
//
// A pair of pixel tiles meets a pair of channel tiles: four accumulators, and two loads of each kind for four
// products. Input tiles are read in place, a row of a tile being a pixel, so an evenly spaced run of pixels is
// a tile. The accumulators of one pair of tiles are requantised while the products of the next pair run:
// AVX-512 in between the steps of k.
//
// Everything else, and the layout of the weights, is AVX-512 VNNI's.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/int8/avx512_vnni.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct ThisFile;
using S = Avx512Vnni<ThisFile>;
using generic::Share;
using generic::Strides;
using generic::TileLoop;

constexpr int kTileRows = 16, kPair = 2 * kTileRows, kPairChannels = 32;
constexpr int kPieceBytes = kBlock * kPairChannels;  // weights of one step of k
constexpr std::ptrdiff_t kL1Weights = 36 << 10;
constexpr int kStemPieces = 3, kStemDepth = kStemPieces * kBlock;
static_assert(kStemDepth >= generic::kStemK && kPairChannels == generic::kTileChannels<S>);

// Tiles 0 … 3 accumulate, [pixel tile][channel tile]; 4 and 5 hold pixels, 6 and 7 weights.
#define TILE_LOAD(tile, base, stride) \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(base), "r"(static_cast<std::ptrdiff_t>(stride)))
#define TILE_STORE(tile, base, stride)                                                             \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(base), "r"(static_cast<std::ptrdiff_t>(stride)) \
               : "memory")
#define TILE_PRODUCT(acc, pixels, weights) \
  asm volatile("tdpbusd %%tmm" #weights ", %%tmm" #pixels ", %%tmm" #acc ::)

// The tile registers set up for pixel tiles of `rows` rows, as long as this lives.
class TileRegisters {
 public:
  explicit TileRegisters(int rows) {
    struct alignas(64) Configuration {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t column_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } configuration;
    for (int tile = 0; tile < 8; ++tile) {
      configuration.column_bytes[tile] = 64;
      configuration.rows[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : kTileRows);
    }
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  ~TileRegisters() { asm volatile("tilerelease" ::); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// Pixel tiles. Where a tile's rows lie in output and residual is told in elements from their base, < 0 for a row
// that is no pixel, or another tile's.
struct PixelTiles {
  static constexpr int kMost = 64;
  const S::Element* in[kMost];
  std::int32_t out[kMost * kTileRows];
  std::int32_t residual[kMost * kTileRows];
};

enum class Shortcut { none, of_unsigned, of_signed };

// Accumulators of a pair that still have to become steps.
struct Pending {
  TileLoop<S> loop;
  const std::int32_t* acc = nullptr;
  const std::int32_t* out_at = nullptr;  // of each row
  const std::int32_t* residual_at = nullptr;
  S::Element* out = nullptr;
  const S::Element* residual = nullptr;
  int next = 0, end = 0;

  RESNET_INLINE void finish(int count) {
    const int stop = next + count < end ? next + count : end;
    if (next == stop) return;
    if (residual == nullptr) {
      if (loop.out_signed) {
        rows<Shortcut::none, true>(stop);
      } else {
        rows<Shortcut::none, false>(stop);
      }
    } else if (loop.residual_signed) {
      rows<Shortcut::of_signed, false>(stop);
    } else {
      rows<Shortcut::of_unsigned, false>(stop);
    }
    next = stop;
  }

 private:
  // generic::ToSteps of one pixel after the other, with what does not change in registers.
  template <Shortcut Kind, bool Signed>
  RESNET_INLINE void rows(int stop) const {
    const S::Float m0 = S::load_float(loop.multiplier), m1 = S::load_float(loop.multiplier + S::kLanes);
    const S::Float scale = S::set_float(loop.residual_multiplier);
    const std::int32_t *sums = acc + next * kPairChannels, *to_at = out_at, *from_at = residual_at;
    S::Element* const to = out;
    const S::Element* const shortcut = residual;
    for (std::ptrdiff_t at = next, last = stop; at < last; ++at, sums += kPairChannels) {
      const std::int32_t offset = to_at[at];
      if (offset < 0) continue;
      S::Float x0 = S::mul(S::to_float(S::load(sums)), m0);
      S::Float x1 = S::mul(S::to_float(S::load(sums + S::kLanes)), m1);
      if constexpr (Kind != Shortcut::none) {
        S::Vec r[2];
        S::load_residual(shortcut + from_at[at], Kind == Shortcut::of_signed, r);
        x0 = S::add(x0, S::mul(S::to_float(r[0]), scale));
        x1 = S::add(x1, S::mul(S::to_float(r[1]), scale));
      }
      const S::Vec q[2] = {S::round(x0), S::round(x1)};
      S::store(to + offset, q, Signed);
    }
  }
};

// The products of pixel tiles with one pair of channel tiles after another.
class Multiplier {
 public:
  // `pixel_stride`: elements between the rows of a tile. `offsets`: of each step of k.
  Multiplier(int rows, std::ptrdiff_t pixel_stride, const std::ptrdiff_t* offsets, int pieces)
      : registers_(rows),
        pixel_stride_(pixel_stride),
        offsets_(offsets),
        pieces_(pieces),
        slice_((kPair + pieces - 1) / pieces) {}

  // Tiles t and, where there is one, t + 1 of `count`. Fetches `lines` cache lines from `next` on with each step
  // of k.
  RESNET_INLINE void run(const TileLoop<S>& loop, const PixelTiles& tiles, int t, int count,
                         const S::Weight* weights, const S::Weight* next, int lines, S::Element* out,
                         const S::Element* residual) {
    asm volatile("" ::: "memory");  // the tile loads below see what was written above
    const bool two = t + 1 < count;
    if (two) {
      products<true>(loop, tiles.in + t, weights, next, lines);
    } else {
      products<false>(loop, tiles.in + t, weights, next, lines);
    }
    pending_.finish(kPair);
    std::int32_t* acc = accumulators_[buffer_];
    buffer_ = 1 - buffer_;
    constexpr int kStride = kPairChannels * sizeof(std::int32_t);
    TILE_STORE(0, acc, kStride);
    TILE_STORE(1, acc + S::kLanes, kStride);
    if (two) {
      TILE_STORE(2, acc + kTileRows * kPairChannels, kStride);
      TILE_STORE(3, acc + kTileRows * kPairChannels + S::kLanes, kStride);
    }
    pending_ = {.loop = loop,
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
  RESNET_INLINE void products(const TileLoop<S>& loop, const S::Element* const* in, const S::Weight* w,
                              const S::Weight* next, int lines) {
    // Every row of an accumulator starts as the bias.
    TILE_LOAD(0, loop.bias, 0);
    TILE_LOAD(1, loop.bias + S::kLanes, 0);
    if constexpr (Two) {
      TILE_LOAD(2, loop.bias, 0);
      TILE_LOAD(3, loop.bias + S::kLanes, 0);
    }
    const S::Element* in0 = in[0];
    const S::Element* in1 = in[Two ? 1 : 0];
    constexpr int kWeightStride = 2 * 64;
    const int slice = slice_;
    for (int piece = 0; piece < pieces_; ++piece) {
      TILE_LOAD(4, in0 + offsets_[piece], pixel_stride_);
      TILE_LOAD(6, w, kWeightStride);
      TILE_LOAD(7, w + 64, kWeightStride);
      TILE_PRODUCT(0, 4, 6);
      TILE_PRODUCT(1, 4, 7);
      if constexpr (Two) {
        TILE_LOAD(5, in1 + offsets_[piece], pixel_stride_);
        TILE_PRODUCT(2, 5, 6);
        TILE_PRODUCT(3, 5, 7);
      }
      w += kPieceBytes;
      for (int line = 0; line < lines; ++line) __builtin_prefetch(next + line * 64, 0, 2);
      next += kPieceBytes;
      pending_.finish(slice);
    }
  }

  TileRegisters registers_;
  std::ptrdiff_t pixel_stride_;
  const std::ptrdiff_t* offsets_;
  int pieces_;
  int slice_;  // rows requantised with each step of k
  Pending pending_;
  int buffer_ = 0;
  alignas(64) std::int32_t accumulators_[2][kPair * kPairChannels];
};

// How the output's pixels become tiles.
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
TileShape tile_shape(const ConvArgs& a) {
  constexpr int kLatency = 13;
  const auto cut = [](int length) {
    const int tiles = (length + kTileRows - 1) / kTileRows;
    return TileShape{false, 0, length, tiles, (length + tiles - 1) / tiles};
  };
  const bool dense = a.kernel == 1 && a.stride == 1 && a.in.halo == 0;
  if (dense) {
    TileShape shape = cut(a.out.h * a.out.w);
    shape.flat = true, shape.pitch = a.out.w;
    return shape;
  }
  const TileShape rows = cut(a.out.w);
  if (a.stride != 1) return rows;
  const int pitch = a.in.w + 2 * a.in.halo;
  TileShape flat = cut((a.out.h - 1) * pitch + a.out.w);
  flat.flat = true, flat.pitch = pitch;
  const auto cycles = [](const TileShape& s) { return s.tiles * (s.rows < kLatency ? kLatency : s.rows); };
  return cycles(flat) < cycles(rows) * a.out.h ? flat : rows;
}

void conv(const ConvArgs& a, int rank, int size) {
  const Strides<S> in(a.in), out(a.out), res(a.requantize.residual);
  const Activation& residual = a.requantize.residual;
  const TileShape shape = tile_shape(a);
  const int runs = shape.flat ? 1 : a.out.h;
  const int pixel_tiles = a.out.n * runs * shape.tiles;
  const int oc_tiles = a.out.c / kPairChannels, taps = a.kernel * a.kernel, pieces = a.in.c / kBlock * taps;
  const std::ptrdiff_t tile_weights = static_cast<std::ptrdiff_t>(pieces) * kPieceBytes;

  // Dealt out in pairs of pixel tiles and whole blocks of channels: no cache line is two members'.
  const generic::Grid<S> grid((pixel_tiles + 1) / 2, a.out.c / kBlock, a.in.n * in.image, tile_weights * oc_tiles,
                              size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const Share<S> my_pairs((pixel_tiles + 1) / 2, rank / grid.across_channels, grid.across_pixels);
  const Share<S> my_blocks(a.out.c / kBlock, rank % grid.across_channels, grid.across_channels);
  const int begin = 2 * my_pairs.begin, end = 2 * my_pairs.end < pixel_tiles ? 2 * my_pairs.end : pixel_tiles;
  const int oc_begin = my_blocks.begin * (kBlock / kPairChannels), oc_end = my_blocks.end * (kBlock / kPairChannels);
  // As many pairs of channel tiles at a time as have weights that stay in L1 while the pixels pass.
  const int fitting = static_cast<int>(kL1Weights / tile_weights), group = fitting < 1 ? 1 : fitting;

  std::ptrdiff_t offsets[generic::kMaxPieces];
  generic::piece_offsets<S>(in, a.kernel, pieces, offsets);
  PixelTiles tiles;
  Multiplier multiplier(shape.rows, a.stride * kBlock, offsets, pieces);
  for (int first = begin; first < end; first += PixelTiles::kMost) {
    const int count = end - first < PixelTiles::kMost ? end - first : PixelTiles::kMost;
    multiplier.finish();  // before its tiles are written over
    for (int t = 0; t < count; ++t) {
      const int tile = first + t, column = tile % shape.tiles, run = tile / shape.tiles % runs,
                n = tile / shape.tiles / runs;
      const int start = shape.start(column);
      tiles.in[t] = shape.flat ? generic::pixel(a.in, in, n, -a.padding, -a.padding) +
                                     static_cast<std::ptrdiff_t>(start) * kBlock
                               : generic::pixel(a.in, in, n, run * a.stride - a.padding, start * a.stride - a.padding);
      int y = shape.flat ? start / shape.pitch : run, x = shape.flat ? start % shape.pitch : start;
      for (int i = 0; i < kTileRows; ++i) {
        const int at = start + i;
        const bool mine = i < shape.rows && at < shape.length && at >= column * shape.rows && x < a.out.w;
        const std::ptrdiff_t to = n * out.image + (y + a.out.halo) * out.row + (x + a.out.halo) * kBlock;
        const std::ptrdiff_t from = n * res.image + (y + residual.halo) * res.row + (x + residual.halo) * kBlock;
        tiles.out[t * kTileRows + i] = mine ? static_cast<std::int32_t>(to) : -1;
        tiles.residual[t * kTileRows + i] = mine ? static_cast<std::int32_t>(from) : -1;
        if (++x == shape.pitch) x = 0, ++y;
      }
    }
    // The next group's weights are fetched a share with each step of k.
    const int pairs = (count + 1) / 2, lines = (kPieceBytes / 64 + pairs - 1) / pairs;
    for (int oc_first = oc_begin; oc_first < oc_end; oc_first += group) {
      const int oc_last = oc_first + group < oc_end ? oc_first + group : oc_end;
      for (int t = 0; t < count; t += 2) {
        for (int oc_tile = oc_first; oc_tile < oc_last; ++oc_tile) {
          const int oc = oc_tile * kPairChannels, oc_block = oc / kBlock, oc_lane = oc % kBlock;
          const auto* weights = static_cast<const S::Weight*>(a.weights) + oc_tile * tile_weights;
          const auto* next = weights + group * tile_weights + static_cast<std::ptrdiff_t>(t / 2) * lines * 64;
          const TileLoop<S> loop{.bias = a.requantize.bias + oc,
                                 .multiplier = a.requantize.multiplier + oc,
                                 .residual_multiplier = a.requantize.residual_multiplier,
                                 .residual_signed = residual.is_signed,
                                 .out_signed = a.out.is_signed};
          multiplier.run(loop, tiles, t, count, weights, next, lines,
                         static_cast<S::Element*>(a.out.data) + out.plane * oc_block + oc_lane,
                         residual.data == nullptr
                             ? nullptr
                             : static_cast<const S::Element*>(residual.data) + res.plane * oc_block + oc_lane);
        }
      }
    }
  }
  multiplier.finish();
}

void stem_products(const StemArgs& a, const S::Element* windows, int w, S::Element* out,
                   std::ptrdiff_t block_stride) {
  constexpr std::ptrdiff_t kOffsets[kStemPieces] = {0, kBlock, 2 * kBlock};
  const int all = (w + kTileRows - 1) / kTileRows, rows = (w + all - 1) / all;
  PixelTiles tiles;
  Multiplier multiplier(rows, kStemDepth, kOffsets, kStemPieces);
  for (int first = 0; first < all; first += PixelTiles::kMost) {
    const int count = all - first < PixelTiles::kMost ? all - first : PixelTiles::kMost;
    multiplier.finish();
    for (int t = 0; t < count; ++t) {
      const int wanted = (first + t) * rows, start = wanted + rows <= w ? wanted : w - rows;
      tiles.in[t] = windows + static_cast<std::ptrdiff_t>(start) * kStemDepth;
      for (int i = 0; i < kTileRows; ++i)
        tiles.out[t * kTileRows + i] = i < rows && start + i >= wanted ? (start + i) * kBlock : -1;
    }
    for (int t = 0; t < count; t += 2) {
      for (int oc = 0; oc < a.out.c; oc += kPairChannels) {
        const TileLoop<S> loop{.bias = a.requantize.bias + oc, .multiplier = a.requantize.multiplier + oc};
        const auto* weights = static_cast<const S::Weight*>(a.weights) + static_cast<std::ptrdiff_t>(oc) * kStemDepth;
        multiplier.run(loop, tiles, t, count, weights, weights, 0, out + oc / kBlock * block_stride + oc % kBlock,
                       nullptr);
      }
    }
  }
  multiplier.finish();
}

void stem(const StemArgs& a, int rank, int size) {
  generic::stem_with<S, kStemDepth, stem_products>(a, rank, size);
}

double multiply_add_operations(std::int64_t iterations) {
  const TileRegisters registers(kTileRows);
  for (std::int64_t k = 0; k < iterations; ++k) {
    TILE_PRODUCT(0, 4, 6);
    TILE_PRODUCT(1, 4, 7);
    TILE_PRODUCT(2, 5, 6);
    TILE_PRODUCT(3, 5, 7);
  }
  return 2.0 * kPair * kPairChannels * kBlock * static_cast<double>(iterations);
}

constexpr KernelTable make_table() {
  KernelTable table = generic::make_table<S>("amx", "tdpbusd");
  table.packed_stem_bytes = generic::packed_stem_bytes<S, kStemDepth>;
  table.pack_stem = generic::pack_stem<S, kStemDepth>;
  table.conv = conv;
  table.stem_scratch_bytes = generic::stem_scratch_bytes<S, kStemDepth>;
  table.stem = stem;
  table.multiply_add_operations = multiply_add_operations;
  return table;
}

constexpr KernelTable kTable = make_table();

}  // namespace

const KernelTable* amx_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
