// What the host and the kernels of the families mma and simt know of each other: the parameters of a
// convolution whose pixels are gathered by ordinary loads, and a row of the table of tiles.
#pragma once

#include "cuda/epilogue.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

#include <resnet/precision.hpp>

namespace resnet::cuda::gathered {

//   D[m][oc] = sum over taps and bytes of x[pixel m moved by the tap] · w[oc]
//
// Output pixel m = (n · oh + y) · ow + x has its first tap at x + n · image + (y · step_h − padding) · row +
// (x · step_w − padding) · pixel; conv1's windows are taps of eight pixels, of which the next begins two
// pixels later. All sizes of x and w are bytes.
struct ConvolutionParams : EpilogueParams {
  const void* x = nullptr;
  std::int64_t x_plane = 0, image = 0;  // from a plane and from an image to the next
  int row = 0, pixel = 0;               // from a row and from a pixel to the next
  int h = 1, w = 1;                     // pixels outside are zeros
  int step_h = 1, step_w = 1, padding = 0;
  int taps = 1, filter_w = 1, tap_bytes = 0;  // taps are numbered row by row

  const void* weights = nullptr;  // [planes][rows][k bytes]
  std::int64_t weights_plane = 0;
  int k_bytes = 0;

  int m = 0, n = 0;  // output pixels, output channels
  int oh = 1, ow = 1;

  // k in chunks: each is summed up from zero, and the sums are added in ascending order. With a grid of as
  // many blocks in y each has one of them, and the last block of a tile to be done adds up what all left in
  // `sums`.
  int chunks = 1;
  void* sums = nullptr;         // [tile][chunk][a tile of 32-bit sums, in the order of the threads]
  unsigned* arrived = nullptr;  // [tile], zero between launches
};

// One kernel of a family. Sizes in bytes but those of the tile.
struct Kernel {
  const void* function = nullptr;  // of one ConvolutionParams
  int tile_m = 0, tile_n = 0;
  int piece_bytes = 0;  // of k that it takes at a time: divides tap_bytes
  int threads = 0;      // a block
  int shared_bytes = 0;
  bool chunks = false;  // whether it can split k
};

// Those of a family at a precision, largest tile first; the last one can split k.
using Kernels = std::span<const Kernel>;

}  // namespace resnet::cuda::gathered
