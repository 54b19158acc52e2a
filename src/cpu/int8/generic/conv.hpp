// Direct convolution of integers as implicit GEMM without an im2col buffer, the packing of its weights, and
// the fully connected layer, which is a 1x1 convolution over images.
//
// Packed weights: [oc tile][channel block, tap][group][V][L][kGroup]. An oc tile's weights (18 KB for 64
// channels of 3x3 where a weight is a byte) stay in L1 while all pixels of a block pass over them.
//
// Order of the loops: pixel block (its input and its output stay in L2) → oc tile → micro tile. Members of
// the team get a rectangle of (pixel tiles) x (oc tiles).
#pragma once

#include "cpu/int8/generic/micro_kernel.hpp"

namespace resnet::cpu::int8::generic {

// Packs `rows` output channels of `depth` values each; value(oc, k) is 0 beyond what there is.
template <class S, class Value>
void pack_tiles(int tiles, int depth, typename S::Weight* packed, int rank, int size, const Value& value) {
  const Share<S> share(tiles, rank, size);
  const std::size_t tile_weights = static_cast<std::size_t>(depth) * kTileChannels<S>;
  for (int tile = share.begin; tile < share.end; ++tile) {
    typename S::Weight* w = packed + tile * tile_weights;
    for (int k = 0; k < depth; k += S::kGroup) {
      for (int position = 0; position < kTileChannels<S>; ++position) {
        const int oc = S::channel(tile * kTileChannels<S> + position);
        for (int i = 0; i < S::kGroup; ++i) *w++ = static_cast<typename S::Weight>(value(oc, k + i));
      }
    }
  }
}

template <class S>
std::size_t packed_conv_bytes(int ic, int oc, int kernel) {
  return sizeof(typename S::Weight) * padded_channels(ic) * padded_channels(oc) * kernel * kernel;
}

template <class S>
void pack_conv(const std::int8_t* oihw, int ic, int oc, int kernel, void* packed, int rank, int size) {
  const int taps = kernel * kernel;
  pack_tiles<S>(padded_channels(oc) / kTileChannels<S>, padded_channels(ic) * taps,
                static_cast<typename S::Weight*>(packed), rank, size, [&](int o, int k) {
                  const int piece = k / kBlock;
                  const int channel = piece / taps * kBlock + k % kBlock, tap = piece % taps;
                  const bool there = o < oc && channel < ic;
                  return there ? oihw[(static_cast<std::size_t>(o) * ic + channel) * taps + tap] : 0;
                });
}

template <class S>
std::size_t packed_fully_connected_bytes(int ic, int oc) {
  return packed_conv_bytes<S>(ic, oc, 1);
}

template <class S>
void pack_fully_connected(const std::int8_t* oi, int ic, int oc, void* packed, int rank, int size) {
  pack_conv<S>(oi, ic, oc, 1, packed, rank, size);
}

// One micro tile's place in input, output and residual.
template <class S>
struct TilePlace {
  const typename S::Element* in;
  typename S::Element* out;
  const typename S::Element* residual;
  int pixels;
};

inline constexpr int kMaxPieces = 32 * 9;  // channel blocks (2048 channels) x taps (3x3)

// Of each (channel block, tap) from a pixel's first value.
template <class S>
RESNET_INLINE void piece_offsets(const Strides<S>& in, int kernel, int pieces, std::ptrdiff_t* offsets) {
  for (int piece = 0, block = 0; piece < pieces; ++block) {
    for (int ky = 0; ky < kernel; ++ky) {
      for (int kx = 0; kx < kernel; ++kx) offsets[piece++] = block * in.plane + ky * in.row + kx * kBlock;
    }
  }
}

template <class S, int Stride>
void conv_strided(const ConvArgs& a, int rank, int size) {
  using Element = typename S::Element;
  using Weight = typename S::Weight;
  constexpr int kMaxTiles = 128;  // micro tiles of one pixel block
  const auto* kernels = micro_kernels<S, ToSteps<S>, Stride * kBlock, kBlock / kLoad<S>>();
  const Strides<S> in(a.in), out(a.out), res(a.requantize.residual);
  const bool has_residual = a.requantize.residual.data != nullptr;

  // Rows of a 1x1, stride 1 convolution without halos follow each other: one long row an image.
  const bool flat = a.kernel == 1 && Stride == 1 && a.in.halo == 0 && a.out.halo == 0 &&
                    (!has_residual || a.requantize.residual.halo == 0);
  const int rows = flat ? 1 : a.out.h;
  const Tiling<S> tiling(flat ? a.out.h * a.out.w : a.out.w);
  const int pixel_tiles = a.out.n * rows * tiling.tiles;
  const int oc_tiles = a.out.c / kTileChannels<S>, taps = a.kernel * a.kernel;
  const int pieces = a.in.c / kBlock * taps;
  const std::size_t tile_weights = static_cast<std::size_t>(pieces) * kBlock * kTileChannels<S>;

  const Grid<S> grid(pixel_tiles, oc_tiles, sizeof(Element) * a.in.n * in.image,
                     sizeof(Weight) * tile_weights * oc_tiles, size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const Share<S> my_pixels(pixel_tiles, rank / grid.across_channels, grid.across_pixels);
  const Share<S> my_channels(oc_tiles, rank % grid.across_channels, grid.across_channels);

  // A pixel block's input and output take about half of L2.
  const std::size_t tile_bytes = sizeof(Element) * S::kTilePixels *
                                 (static_cast<std::size_t>(a.in.c) * Stride * Stride +
                                  (my_channels.end - my_channels.begin) * kTileChannels<S>);
  int block_tiles = static_cast<int>(a.l2_bytes / 2 / tile_bytes);
  block_tiles = block_tiles < 4 ? 4 : block_tiles > kMaxTiles ? kMaxTiles : block_tiles;
  const int my_count = my_pixels.end - my_pixels.begin;
  const int block_count = (my_count + block_tiles - 1) / block_tiles;

  std::ptrdiff_t offsets[kMaxPieces];
  piece_offsets<S>(in, a.kernel, pieces, offsets);

  TilePlace<S> places[kMaxTiles];
  for (int b = 0; b < block_count; ++b) {
    const Share<S> block(my_count, b, block_count);
    const int count = block.end - block.begin;
    for (int t = 0; t < count; ++t) {
      const int tile = my_pixels.begin + block.begin + t;
      const int column = tile % tiling.tiles, row = tile / tiling.tiles % rows,
                n = tile / tiling.tiles / rows;
      const int x = tiling.start(column);
      places[t] = {
          pixel(a.in, in, n, row * Stride - a.padding, x * Stride - a.padding), pixel(a.out, out, n, row, x),
          has_residual ? pixel(a.requantize.residual, res, n, row, x) : nullptr, tiling.size(column)};
    }
    for (int oc_tile = my_channels.begin; oc_tile < my_channels.end; ++oc_tile) {
      const int oc = oc_tile * kTileChannels<S>, oc_block = oc / kBlock, oc_lane = oc % kBlock;
      TileLoop<S> loop{.pieces = pieces,
                       .offsets = offsets,
                       .bias = a.requantize.bias + oc,
                       .multiplier = a.requantize.multiplier + oc,
                       .residual_multiplier = a.requantize.residual_multiplier,
                       .residual_signed = a.requantize.residual.is_signed,
                       .out_signed = a.out.is_signed};
      const Weight* w = static_cast<const Weight*>(a.weights) + oc_tile * tile_weights;
      const std::ptrdiff_t out_offset = out.plane * oc_block + oc_lane;
      const std::ptrdiff_t res_offset = res.plane * oc_block + oc_lane;
      // Packed weights are read front to back: what comes next lies right behind this tile, and each of this
      // tile's passes fetches its share of it.
      const auto* next = reinterpret_cast<const std::byte*>(w + tile_weights);
      const std::ptrdiff_t loads = static_cast<std::ptrdiff_t>(pieces) * (kBlock / kLoad<S>);
      const std::ptrdiff_t load_bytes = sizeof(Weight) * kTileChannels<S> * kLoad<S>;
      loop.prefetch_step = (load_bytes + count - 1) / count;
      for (int t = 0; t < count; ++t) {
        const TilePlace<S>& p = places[t];
        loop.prefetch = next + loop.prefetch_step * loads * t;
        if (loop.prefetch_step * (t + 1) > load_bytes) loop.prefetch = next;
        kernels[p.pixels](loop, p.in, w, p.out + out_offset, p.residual ? p.residual + res_offset : nullptr);
      }
    }
  }
}

template <class S>
void conv(const ConvArgs& a, int rank, int size) {
  if (a.stride == 1) {
    conv_strided<S, 1>(a, rank, size);
  } else {
    conv_strided<S, 2>(a, rank, size);
  }
}

template <class S>
void fully_connected(const FullyConnectedArgs& a, int rank, int size) {
  const auto* kernels = micro_kernels<S, ToLogits<S>, kBlock, kBlock / kLoad<S>>();
  const Strides<S> in(a.in);
  const int images = a.in.w, pieces = a.in.c / kBlock;
  const Tiling<S> tiling(images);
  std::ptrdiff_t offsets[kMaxPieces];
  piece_offsets<S>(in, 1, pieces, offsets);
  const int oc_tiles = (a.outputs + kTileChannels<S> - 1) / kTileChannels<S>;
  const std::size_t tile_weights = static_cast<std::size_t>(pieces) * kBlock * kTileChannels<S>;
  const Share<S> share(oc_tiles, rank, size);
  alignas(64) float logits[S::kTilePixels * kTileChannels<S>];
  for (int oc_tile = share.begin; oc_tile < share.end; ++oc_tile) {
    const int oc = oc_tile * kTileChannels<S>;
    const auto* w = static_cast<const typename S::Weight*>(a.weights) + oc_tile * tile_weights;
    TileLoop<S> loop{
        .pieces = pieces, .offsets = offsets, .bias = a.bias + oc, .multiplier = a.multiplier + oc};
    loop.prefetch = reinterpret_cast<const std::byte*>(w + tile_weights);
    loop.prefetch_step = sizeof(typename S::Weight) * kTileChannels<S> * kLoad<S>;
    for (int t = 0; t < tiling.tiles; ++t) {
      const int first = tiling.start(t), count = tiling.size(t);
      kernels[count](loop, pixel(a.in, in, 0, 0, first), w, logits, nullptr);
      for (int p = 0; p < count; ++p) {
        for (int position = 0; position < kTileChannels<S>; ++position) {
          const int channel = S::channel(oc + position);
          if (channel < a.outputs) {
            a.out[static_cast<std::ptrdiff_t>(first + p) * a.outputs + channel] =
                logits[p * kTileChannels<S> + position];
          }
        }
      }
    }
  }
}

}  // namespace resnet::cpu::int8::generic
