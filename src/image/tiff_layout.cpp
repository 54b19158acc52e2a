#include "image/tiff_layout.hpp"

#include "image/decoders.hpp"

#include <algorithm>
#include <cstring>

namespace resnet::image {
namespace {

template <typename T>
T load(const std::uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Values wider than 8 bits are clipped, not scaled, as Pillow does with pictures of integers and reals.
template <typename T>
std::uint8_t clipped(const std::uint8_t* p) {
  const T value = load<T>(p);
  if (!(value > 0)) return 0;  // also NaN
  return value >= 255 ? 255 : static_cast<std::uint8_t>(value);
}

// Sample x of a row of packed 1-, 2- or 4-bit values, the first in the high bits.
int packed(const std::uint8_t* row, std::size_t x, int bits) {
  const std::size_t bit = x * static_cast<std::size_t>(bits);
  return row[bit / 8] >> (8 - bits - static_cast<int>(bit % 8)) & ((1 << bits) - 1);
}

// Twelve-bit values, two in three bytes.
int packed12(const std::uint8_t* row, std::size_t x) {
  const std::uint8_t* p = row + x / 2 * 3;
  return x % 2 == 0 ? p[0] << 4 | p[1] >> 4 : (p[1] & 15) << 8 | p[2];
}

std::uint8_t grey(const TiffLayout& layout, const std::uint8_t* row, std::size_t x) {
  const std::size_t at = x * layout.step();
  switch (layout.bits) {
    case 8:
      return layout.invert ? static_cast<std::uint8_t>(255 - row[at]) : row[at];
    case 12:
      return static_cast<std::uint8_t>(std::min(packed12(row, x), 255));
    case 16:
      // Pillow does not invert 16-bit grey.
      return layout.sample == TiffSample::signed_integer ? clipped<std::int16_t>(row + 2 * at)
                                                         : clipped<std::uint16_t>(row + 2 * at);
    case 32:
      return layout.sample == TiffSample::real ? clipped<float>(row + 4 * at)
                                               : clipped<std::int32_t>(row + 4 * at);
    default: {
      const int value = packed(row, x, layout.bits) * 255 / ((1 << layout.bits) - 1);
      return static_cast<std::uint8_t>(layout.invert ? 255 - value : value);
    }
  }
}

// The 8 high bits of sample `s` of pixel `x`.
std::uint8_t high_byte(const TiffLayout& layout, std::span<const std::uint8_t* const> planes, std::size_t x,
                       std::size_t s) {
  const std::uint8_t* plane = planes[layout.separate ? s : 0];
  const std::size_t at = x * layout.step() + (layout.separate ? 0 : s);
  return layout.bits == 8 ? plane[at] : static_cast<std::uint8_t>(load<std::uint16_t>(plane + 2 * at) >> 8);
}

}  // namespace

void tiff_row_to_rgb(const TiffLayout& layout, std::span<const std::uint8_t* const> planes, std::size_t width,
                     std::uint8_t* rgb) {
  if (layout.color == TiffColor::rgb && layout.bits == 8 && layout.samples == 3 && !layout.separate) {
    std::memcpy(rgb, planes[0], width * 3);
    return;
  }
  for (std::size_t x = 0; x < width; ++x, rgb += 3) {
    switch (layout.color) {
      case TiffColor::grey:
        std::memset(rgb, grey(layout, planes[0], x), 3);
        break;
      case TiffColor::palette: {
        const int index = layout.bits == 8 ? planes[0][x * layout.step()] : packed(planes[0], x, layout.bits);
        std::memcpy(rgb, layout.palette[static_cast<std::size_t>(index)].data(), 3);
        break;
      }
      case TiffColor::rgb:
        for (std::size_t s = 0; s < 3; ++s) rgb[s] = high_byte(layout, planes, x, s);
        break;
      case TiffColor::rgb_premultiplied: {
        const int alpha = high_byte(layout, planes, x, 3);
        for (std::size_t s = 0; s < 3; ++s) {
          const int value = high_byte(layout, planes, x, s);
          rgb[s] = static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(value * 255 / alpha, 255));
        }
        break;
      }
      case TiffColor::cmyk: {
        std::uint8_t ink[4];
        for (std::size_t s = 0; s < 4; ++s) ink[s] = high_byte(layout, planes, x, s);
        cmyk_to_rgb(ink, rgb);
        break;
      }
    }
  }
}

}  // namespace resnet::image
