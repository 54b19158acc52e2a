// The fully connected layer: a 1x1 convolution over images, whose sums become fp32 logits without padding.
#pragma once

#include "cpu/generic/conv.hpp"

namespace resnet::cpu::generic {

template <class S>
void fully_connected(const FullyConnectedArgs& a, int rank, int size) {
  using Element = typename S::Element;
  constexpr int kLanes = S::kLanes, kTileChannels = S::kTileVectors * kLanes;
  const auto* kernels = micro_kernels<S, float, kLanes, kLanes>();
  const Strides<S> in(a.in);
  const int images = a.in.w, blocks = a.in.c / kLanes, chunk = chunk_blocks<S>(blocks, 1);
  const int oc_tiles = channel_tiles<S>(a.outputs);
  std::ptrdiff_t offsets[kMaxPieces<S>];
  for (int piece = 0; piece < chunk; ++piece) offsets[piece] = piece * in.plane;
  const Tiling<S> tiling(images);
  const Share<S> share(oc_tiles, rank, size);
  alignas(64) float sums[S::kTilePixels * kTileChannels];
  for (int oc_tile = share.begin; oc_tile < share.end; ++oc_tile) {
    const int oc = oc_tile * kTileChannels;
    const int channels = a.outputs - oc < kTileChannels ? a.outputs - oc : kTileChannels;
    for (int t = 0; t < tiling.tiles; ++t) {
      const int image = tiling.start(t), count = tiling.size(t);
      for (int first = 0; first < blocks; first += chunk) {
        const int chunk_count = first + chunk < blocks ? chunk : blocks - first;
        const std::ptrdiff_t chunk_elements =
            static_cast<std::ptrdiff_t>(chunk_count) * kLanes * kTileChannels;
        const Element* w = static_cast<const Element*>(a.weights) +
                           static_cast<std::ptrdiff_t>(first) * kLanes * oc_tiles * kTileChannels +
                           oc_tile * chunk_elements;
        TileLoop<S> loop{.pieces = chunk_count,
                         .offsets = offsets,
                         .plane_stride = S::kTilePixels * kLanes,
                         .accumulate = first > 0,
                         .finish = first + chunk_count == blocks,
                         .bias = a.bias + oc,
                         .residual_plane_stride = 0,
                         .relu = false};
        // Of this tile's next chunk, which a whole column of tiles lies before.
        share_prefetch<S>(loop, w + chunk_elements * oc_tiles, chunk_count * kLanes, t, tiling.tiles);
        kernels[count](loop, pixel(a.in, in, 0, 0, image) + first * in.plane, w, sums, nullptr);
      }
      for (int p = 0; p < count; ++p) {
        float* out = a.out + static_cast<std::ptrdiff_t>(image + p) * a.outputs + oc;
        for (int i = 0; i < channels; ++i)
          out[i] = sums[(i / kLanes * S::kTilePixels + p) * kLanes + i % kLanes];
      }
    }
  }
}

}  // namespace resnet::cpu::generic
