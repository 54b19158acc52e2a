// How work is cut: into tiles of pixels and among the members of a team. Shared by the kernels of all
// precisions.
//
// Headers of this folder, and of int8/generic, are compiled once per instruction set with that set's flags.
// To keep code for one set out of another's program path they use nothing but templates over the Simd type
// S: an ordinary inline function would be merged by the linker with a copy compiled for a wider machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#define RESNET_INLINE inline __attribute__((always_inline))

namespace resnet::cpu::generic {

// Calls f(integral_constant<int, 0>) … f(integral_constant<int, N-1>): a loop that is always unrolled.
template <class S, int N, class F>
RESNET_INLINE void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

// [begin, end) of `count` units for one member: contiguous, sizes differing by at most one.
template <class S>
struct Share {
  int begin, end;
  Share(std::int64_t count, int rank, int size)
      : begin(static_cast<int>(count * rank / size)), end(static_cast<int>(count * (rank + 1) / size)) {}
};

// `pixels` cut into the fewest tiles of at most `most`, all of nearly one size: 49 pixels in tiles of up to 6
// are 4 tiles of 6 and 5 of 5 instead of 8 of 6 and a wasteful one of 1.
template <class S>
struct Tiling {
  int tiles, base, larger;  // the first `larger` tiles have base + 1 pixels
  explicit Tiling(int pixels, int most = S::kTilePixels) {
    tiles = (pixels + most - 1) / most;
    base = pixels / tiles;
    larger = pixels % tiles;
  }
  int start(int tile) const { return tile * base + (tile < larger ? tile : larger); }
  int size(int tile) const { return base + (tile < larger ? 1 : 0); }
};

// How a team's members share (pixel tiles) x (oc tiles): the split with the least work for the busiest
// member, and among equals the one that reads the fewest bytes.
template <class S>
struct Grid {
  int across_pixels = 1, across_channels = 1;
  Grid(int pixel_tiles, int oc_tiles, std::size_t input_bytes, std::size_t weight_bytes, int size) {
    long best_work = -1;
    double best_bytes = 0;
    for (int channels = 1; channels <= size; ++channels) {
      const int pixels = size / channels;
      const long work =
          static_cast<long>((pixel_tiles + pixels - 1) / pixels) * ((oc_tiles + channels - 1) / channels);
      const double bytes =
          static_cast<double>(input_bytes) / pixels + static_cast<double>(weight_bytes) / channels;
      if (best_work < 0 || work < best_work || (work == best_work && bytes < best_bytes)) {
        best_work = work, best_bytes = bytes;
        across_pixels = pixels, across_channels = channels;
      }
    }
  }
};

}  // namespace resnet::cpu::generic
