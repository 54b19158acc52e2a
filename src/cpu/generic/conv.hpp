// Direct convolution, any kernel and stride, as implicit GEMM without an im2col buffer, and the packing
// of its weights.
//
// Packed weights: [k chunk][oc tile][k in chunk][V · L]. The weights of a chunk and oc tile (16 KiB on AVX2
// and AVX-512) stay in L1 beside the input and the output while all pixels of a block pass over them, and lie
// in memory in the order in which they are read. A 3x3 kernel reuses its input nine times and does better
// with longer chunks.
//
// Order of the loops: pixel block (its input chunk and its output stay in L2) → k chunk → oc tile →
// micro tile. Members of the team get a rectangle of (pixel tiles) x (oc tiles).
#pragma once

#include "cpu/generic/micro_kernel.hpp"

namespace resnet::cpu::generic {

inline constexpr int kChunk3x3 = 288;
template <class S>
inline constexpr int kChunk1x1 = S::kTileVectors* S::kLanes > 16 ? 128 : 256;

// Between two chunks the sums wait in the output, so there is only one chunk where the output's elements
// would round them.
template <class S>
inline constexpr bool kOneChunk = sizeof(typename S::Element) < sizeof(float);

// Channel blocks of one k chunk, for `channel_blocks` in all and `taps` kernel positions.
template <class S>
RESNET_INLINE int chunk_blocks(int channel_blocks, int taps) {
  if constexpr (kOneChunk<S>) return channel_blocks;
  const int blocks = (taps > 1 ? kChunk3x3 : kChunk1x1<S>) / (S::kLanes * taps);
  const int at_least_one = blocks < 1 ? 1 : blocks;
  return at_least_one < channel_blocks ? at_least_one : channel_blocks;
}

// (Channel block, tap) pairs of a chunk, at most: of a kernel up to 7x7, or of 3x3 and 512 channels in one.
template <class S>
inline constexpr int kMaxPieces = kOneChunk<S>                 ? 9 * 512 / S::kLanes
                                  : kChunk3x3 / S::kLanes > 49 ? kChunk3x3 / S::kLanes
                                                               : 49;

template <class S>
RESNET_INLINE int channel_tiles(int oc) {
  constexpr int kTileChannels = S::kTileVectors * S::kLanes;
  return (oc + kTileChannels - 1) / kTileChannels;
}

template <class S>
RESNET_INLINE std::size_t packed_conv_elements(int ic, int oc, int kernel) {
  return static_cast<std::size_t>(ic) * kernel * kernel * channel_tiles<S>(oc) * S::kTileVectors * S::kLanes;
}
template <class S>
std::size_t packed_conv_bytes(int ic, int oc, int kernel) {
  return sizeof(typename S::Element) * packed_conv_elements<S>(ic, oc, kernel);
}

template <class S>
void pack_conv(const float* oihw, const double* oc_scale, int ic, int oc, int kernel, void* packed, int rank,
               int size) {
  using Element = typename S::Element;
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  const int taps = kernel * kernel, tiles = channel_tiles<S>(oc), blocks = ic / kLanes;
  const int chunk = chunk_blocks<S>(blocks, taps);
  const Share<S> share(tiles, rank, size);
  for (int first = 0; first < blocks; first += chunk) {
    const int count = first + chunk < blocks ? chunk : blocks - first;
    const std::size_t chunk_k = static_cast<std::size_t>(count) * taps * kLanes;
    Element* chunk_data = static_cast<Element*>(packed) +
                          static_cast<std::size_t>(first) * taps * kLanes * tiles * kTileChannels;
    for (int tile = share.begin; tile < share.end; ++tile) {
      Element* w = chunk_data + tile * chunk_k * kTileChannels;
      for (int block = first; block < first + count; ++block) {
        for (int tap = 0; tap < taps; ++tap) {
          for (int lane = 0; lane < kLanes; ++lane) {
            const int i = block * kLanes + lane;
            for (int o = 0; o < kTileChannels; ++o) {
              const int channel = tile * kTileChannels + o;
              float value = 0;
              if (channel < oc) {
                value = oihw[(static_cast<std::size_t>(channel) * ic + i) * taps + tap];
                if (oc_scale) value = static_cast<float>(static_cast<double>(value) * oc_scale[channel]);
              }
              *w++ = S::to_element(value);
            }
          }
        }
      }
    }
  }
}

// One micro tile's place in input, output and residual.
template <class S>
struct TilePlace {
  const typename S::Element* in;
  typename S::Element* out;
  const typename S::Element* residual;
  int pixels;
};

template <class S, int Stride>
void conv_strided(const ConvArgs& a, int rank, int size) {
  using Element = typename S::Element;
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  constexpr int kMaxTiles = 128;  // micro tiles of one pixel block
  const auto* kernels = micro_kernels<S, Element, Stride * kLanes, kLanes>();
  const Strides<S> in(a.in), out(a.out), res(a.epilogue.residual);
  const bool has_residual = a.epilogue.residual.data != nullptr;

  // Rows of a 1x1, stride 1 convolution without halos follow each other: one long row an image.
  const bool flat = a.kernel == 1 && Stride == 1 && a.in.halo == 0 && a.out.halo == 0 &&
                    (!has_residual || a.epilogue.residual.halo == 0);
  const int rows = flat ? 1 : a.out.h;
  const Tiling<S> tiling(flat ? a.out.h * a.out.w : a.out.w);
  const int pixel_tiles = a.out.n * rows * tiling.tiles;
  const int oc_tiles = channel_tiles<S>(a.out.c), blocks = a.in.c / kLanes, taps = a.kernel * a.kernel;
  const int chunk = chunk_blocks<S>(blocks, taps);

  const Grid<S> grid(pixel_tiles, oc_tiles, sizeof(Element) * a.in.n * in.image,
                     packed_conv_bytes<S>(a.in.c, a.out.c, a.kernel), size);
  if (rank >= grid.across_pixels * grid.across_channels) return;
  const Share<S> my_pixels(pixel_tiles, rank / grid.across_channels, grid.across_pixels);
  const Share<S> my_channels(oc_tiles, rank % grid.across_channels, grid.across_channels);

  // A pixel block's chunk of input and its output take about half of L2.
  const std::size_t tile_bytes = sizeof(Element) * S::kTilePixels *
                                 (static_cast<std::size_t>(chunk) * kLanes * Stride * Stride +
                                  (my_channels.end - my_channels.begin) * kTileChannels);
  int block_tiles = static_cast<int>(a.l2_bytes / 2 / tile_bytes);
  block_tiles = block_tiles < 4 ? 4 : block_tiles > kMaxTiles ? kMaxTiles : block_tiles;
  // Blocks of one size instead of full ones and a remainder.
  const int my_count = my_pixels.end - my_pixels.begin;
  const int block_count = (my_count + block_tiles - 1) / block_tiles;

  std::ptrdiff_t offsets[kMaxPieces<S>];
  for (int piece = 0; piece < chunk * taps; ++piece) {
    const int block = piece / taps, tap = piece % taps;
    offsets[piece] = block * in.plane + tap / a.kernel * in.row + tap % a.kernel * kLanes;
  }

  TilePlace<S> places[kMaxTiles];
  for (int b = 0; b < block_count; ++b) {
    const Share<S> block(my_count, b, block_count);
    const int count = block.end - block.begin;
    for (int t = 0; t < count; ++t) {
      const int tile = my_pixels.begin + block.begin + t;
      const int column = tile % tiling.tiles, row = tile / tiling.tiles % rows,
                n = tile / tiling.tiles / rows;
      const int x = tiling.start(column);
      places[t] = {pixel(a.in, in, n, row * Stride - a.padding, x * Stride - a.padding),
                   pixel(a.out, out, n, row, x),
                   has_residual ? pixel(a.epilogue.residual, res, n, row, x) : nullptr, tiling.size(column)};
    }
    for (int first = 0; first < blocks; first += chunk) {
      const int chunk_count = first + chunk < blocks ? chunk : blocks - first;
      const std::size_t chunk_k = static_cast<std::size_t>(chunk_count) * taps * kLanes;
      const Element* weights = static_cast<const Element*>(a.weights) +
                               static_cast<std::size_t>(first) * taps * kLanes * oc_tiles * kTileChannels;
      const bool finish = first + chunk_count == blocks;
      for (int oc_tile = my_channels.begin; oc_tile < my_channels.end; ++oc_tile) {
        const int oc = oc_tile * kTileChannels;
        TileLoop<S> loop{.pieces = chunk_count * taps,
                         .offsets = offsets,
                         .plane_stride = out.plane,
                         .accumulate = first > 0,
                         .finish = finish,
                         .bias = a.epilogue.bias ? a.epilogue.bias + oc : nullptr,
                         .residual_plane_stride = res.plane,
                         .relu = a.epilogue.relu};
        const Element* w = weights + oc_tile * chunk_k * kTileChannels;
        const std::ptrdiff_t out_offset = out.plane * (oc / kLanes), res_offset = res.plane * (oc / kLanes);
        const std::ptrdiff_t in_offset = in.plane * first;
        for (int t = 0; t < count; ++t) {
          const TilePlace<S>& p = places[t];
          // Packed weights are read front to back: what comes next lies right behind this tile.
          share_prefetch<S>(loop, w + chunk_k * kTileChannels, static_cast<int>(chunk_k), t, count);
          kernels[p.pixels](loop, p.in + in_offset, w, p.out + out_offset,
                            finish && p.residual ? p.residual + res_offset : nullptr);
        }
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

}  // namespace resnet::cpu::generic
