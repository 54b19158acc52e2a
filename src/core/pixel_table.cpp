#include "core/pixel_table.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {

PixelTable pixel_table(const std::array<float, 3>& mean, const std::array<float, 3>& std) {
  PixelTable table;
  for (std::size_t c = 0; c < table.size(); ++c) {
    if (!(std[c] > 0)) {
      throw Error(ErrorCode::invalid_argument, fmt::format("standard deviation {}: must be above 0", std[c]));
    }
    for (std::size_t v = 0; v < table[c].size(); ++v) {
      const float unit = static_cast<float>(v) / 255.0f;
      const float centred = unit - mean[c];
      table[c][v] = centred / std[c];
    }
  }
  return table;
}

void normalise(const PixelTable& table, const std::uint8_t* rgb, std::size_t images, std::size_t plane,
               float* chw) {
  for (std::size_t n = 0; n < images; ++n, chw += 3 * plane) {
    for (std::size_t i = 0; i < plane; ++i, rgb += 3) {
      chw[i] = table[0][rgb[0]];
      chw[plane + i] = table[1][rgb[1]];
      chw[2 * plane + i] = table[2][rgb[2]];
    }
  }
}

}  // namespace resnet
