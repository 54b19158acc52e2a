#include "ladder/kernels.hpp"

#include <array>
#include <cmath>

namespace resnet::ladder {

std::vector<float> pack_transposed(const float* weight, int oc, int rows) {
  std::vector<float> packed(static_cast<std::size_t>(oc) * rows);
  for (int o = 0; o < oc; ++o)
    for (int k = 0; k < rows; ++k)
      packed[static_cast<std::size_t>(k) * oc + o] = weight[static_cast<std::size_t>(o) * rows + k];
  return packed;
}

std::vector<float> pack_taps(const float* weight, int oc, int ic, int kernel) {
  const int taps = kernel * kernel, channels = packed_channels(ic);
  std::vector<float> packed(static_cast<std::size_t>(taps) * channels * oc);
  for (int o = 0; o < oc; ++o)
    for (int c = 0; c < ic; ++c)
      for (int tap = 0; tap < taps; ++tap)
        packed[(static_cast<std::size_t>(tap) * channels + c) * oc + o] =
            weight[(static_cast<std::size_t>(o) * ic + c) * taps + tap];
  return packed;
}

std::vector<float> pack_winograd(const float* weight, int oc, int ic) {
  const double root = std::sqrt(2.0);
  // G, as in winograd_f4x4.cu.
  const std::array<std::array<double, 3>, 6> g{{{1, 0, 0},
                                                {1. / 6, root / 6, 1. / 3},
                                                {1. / 6, -root / 6, 1. / 3},
                                                {-2. / 3, -root / 3, -1. / 3},
                                                {-2. / 3, root / 3, -1. / 3},
                                                {0, 0, 1}}};
  std::vector<float> packed(std::size_t{kWinogradPoints} * ic * oc);
  for (int o = 0; o < oc; ++o)
    for (int c = 0; c < ic; ++c) {
      const float* filter = weight + (static_cast<std::size_t>(o) * ic + c) * 9;
      std::array<std::array<double, 3>, 6> half{};  // G g
      for (std::size_t p = 0; p < 6; ++p)
        for (std::size_t x = 0; x < 3; ++x)
          for (std::size_t y = 0; y < 3; ++y) half[p][x] += g[p][y] * static_cast<double>(filter[y * 3 + x]);
      for (std::size_t p = 0; p < 6; ++p)
        for (std::size_t q = 0; q < 6; ++q) {
          const double value = half[p][0] * g[q][0] + half[p][1] * g[q][1] + half[p][2] * g[q][2];
          packed[((p * 6 + q) * ic + c) * oc + o] = static_cast<float>(value);
        }
    }
  return packed;
}

GemmShape explicit_shape(const Conv2dParams& p) {
  return {.m = p.oc, .k = p.rows(), .images = p.n, .plane = p.pixels()};
}

GemmShape implicit_shape(const Conv2dParams& p) {
  return {.m = p.oc, .k = p.kernel * p.kernel * packed_channels(p.ic), .images = p.n, .plane = p.pixels()};
}

int winograd_tiles(const Conv2dParams& p) {
  return p.n * ((p.ih + 3) / 4) * ((p.iw + 3) / 4);
}

bool winograd_takes(int kernel, int stride) {
  return kernel == 3 && stride == 1;
}

GemmShape winograd_shape(const Conv2dParams& p) {
  return {.m = p.oc, .k = p.ic, .images = 1, .plane = winograd_tiles(p), .products = kWinogradPoints};
}

}  // namespace resnet::ladder
