// Direct convolution. The work is cut into tasks of one output channel of one image and a tile of
// output rows and columns, whose double accumulators fit on the stack. For each weight the innermost
// loops then walk along rows, which compilers vectorise and caches like. A product of two fp32 values
// is exact in double, so whether the compiler contracts multiply and add changes nothing.

#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

#include <algorithm>
#include <array>

namespace resnet::reference {
namespace {

constexpr std::int64_t kTileElements = 1024;  // 8 KB of doubles: stays in L1 beside the input rows

struct Tile {
  std::int64_t y_begin, y_end, x_begin, x_end;
};

// First and one past the last output coordinate in [begin, end) whose input o*stride + k - padding lies
// in [0, size).
struct Reach {
  std::int64_t first, last;
};
Reach reach(std::int64_t begin, std::int64_t end, std::int64_t k, std::int64_t size, const Conv2dParams& p) {
  const std::int64_t low = std::max<std::int64_t>(0, p.padding - k);
  const std::int64_t high = size - 1 + p.padding - k;  // largest o * stride allowed
  const std::int64_t first = std::max(begin, (low + p.stride - 1) / p.stride);
  const std::int64_t last = high < 0 ? begin : std::min(end, high / p.stride + 1);
  return {first, std::max(first, last)};
}

// input: the image, [ic][ih][iw]; weight: the output channel's, [ic][kernel][kernel]; output: its plane.
void conv2d_tile(const Conv2dParams& p, const Tile& tile, const float* input, const float* weight,
                 float* output) {
  const std::int64_t width = tile.x_end - tile.x_begin;
  std::array<double, kTileElements> sums;
  std::fill_n(sums.begin(), (tile.y_end - tile.y_begin) * width, 0.0);

  for (std::int64_t c = 0; c < p.ic; ++c) {
    const float* plane = input + c * p.ih * p.iw;
    for (std::int64_t ky = 0; ky < p.kernel; ++ky) {
      const Reach ys = reach(tile.y_begin, tile.y_end, ky, p.ih, p);
      for (std::int64_t kx = 0; kx < p.kernel; ++kx) {
        const Reach xs = reach(tile.x_begin, tile.x_end, kx, p.iw, p);
        const double w = static_cast<double>(weight[(c * p.kernel + ky) * p.kernel + kx]);
        const std::int64_t count = xs.last - xs.first;
        for (std::int64_t y = ys.first; y < ys.last; ++y) {
          double* sum = sums.data() + (y - tile.y_begin) * width + (xs.first - tile.x_begin);
          const float* in =
              plane + (y * p.stride + ky - p.padding) * p.iw + xs.first * p.stride + kx - p.padding;
          if (p.stride == 1) {
            for (std::int64_t x = 0; x < count; ++x) sum[x] += w * static_cast<double>(in[x]);
          } else {
            for (std::int64_t x = 0; x < count; ++x) sum[x] += w * static_cast<double>(in[x * p.stride]);
          }
        }
      }
    }
  }
  for (std::int64_t y = tile.y_begin; y < tile.y_end; ++y) {
    const double* sum = sums.data() + (y - tile.y_begin) * width;
    float* out = output + y * p.ow() + tile.x_begin;
    for (std::int64_t x = 0; x < width; ++x) out[x] = static_cast<float>(sum[x]);
  }
}

}  // namespace

void conv2d(const Conv2dParams& p, const float* input, const float* weight, float* output, int threads) {
  const std::int64_t oh = p.oh(), ow = p.ow();
  const std::int64_t tile_width = std::min(ow, kTileElements);
  const std::int64_t tile_height = std::min(oh, kTileElements / tile_width);
  const std::int64_t tiles_x = (ow + tile_width - 1) / tile_width;
  const std::int64_t tiles_y = (oh + tile_height - 1) / tile_height;
  const std::int64_t tiles = tiles_x * tiles_y;

  parallel_for(threads, p.n * p.oc * tiles, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t image = task / (p.oc * tiles), channel = task / tiles % p.oc, t = task % tiles;
      const std::int64_t y = t / tiles_x * tile_height, x = t % tiles_x * tile_width;
      const Tile tile{.y_begin = y,
                      .y_end = std::min(oh, y + tile_height),
                      .x_begin = x,
                      .x_end = std::min(ow, x + tile_width)};
      conv2d_tile(p, tile, input + image * p.ic * p.ih * p.iw, weight + channel * p.ic * p.kernel * p.kernel,
                  output + (image * p.oc + channel) * oh * ow);
    }
  });
}

}  // namespace resnet::reference
