#include "train/data/pixel_ops.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

namespace resnet::train {
namespace {

using Table = std::array<std::uint8_t, 256>;

// Image.blend: in fp32, truncated.
std::uint8_t blend(int other, int own, float factor) {
  const float value = static_cast<float>(other) + factor * static_cast<float>(own - other);
  return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f));
}

Table blend_table(int other, float factor) {
  Table table;
  for (int v = 0; v < 256; ++v) table[static_cast<std::size_t>(v)] = blend(other, v, factor);
  return table;
}

void map_bytes(Pixels pixels, const Table& table) {
  std::uint8_t* const end = pixels.rgb + pixels.bytes();
  for (std::uint8_t* byte = pixels.rgb; byte != end; ++byte) *byte = table[*byte];
}

void map_bytes(Pixels pixels, const std::array<Table, 3>& tables) {
  std::uint8_t* const end = pixels.rgb + pixels.bytes();
  for (std::uint8_t* pixel = pixels.rgb; pixel != end; pixel += 3) {
    for (std::size_t c = 0; c < 3; ++c) pixel[c] = tables[c][pixel[c]];
  }
}

// convert("L"): ITU-R 601 in 16 fractional bits.
int luminance(const std::uint8_t* pixel) {
  return (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16;
}

std::array<std::array<int, 256>, 3> histograms(Pixels pixels) {
  std::array<std::array<int, 256>, 3> counts{};
  const std::uint8_t* const end = pixels.rgb + pixels.bytes();
  for (const std::uint8_t* pixel = pixels.rgb; pixel != end; pixel += 3) {
    for (std::size_t c = 0; c < 3; ++c) ++counts[c][pixel[c]];
  }
  return counts;
}

Table identity_table() {
  Table table;
  for (std::size_t v = 0; v < 256; ++v) table[v] = static_cast<std::uint8_t>(v);
  return table;
}

}  // namespace

void flip(Pixels pixels) {
  for (int y = 0; y < pixels.size; ++y) {
    for (int x = 0; x < pixels.size / 2; ++x) {
      std::swap_ranges(pixels.at(y, x), pixels.at(y, x) + 3, pixels.at(y, pixels.size - 1 - x));
    }
  }
}

void adjust_brightness(Pixels pixels, float factor) {
  map_bytes(pixels, blend_table(0, factor));
}

void adjust_contrast(Pixels pixels, float factor) {
  std::int64_t sum = 0;
  const std::uint8_t* const end = pixels.rgb + pixels.bytes();
  for (const std::uint8_t* pixel = pixels.rgb; pixel != end; pixel += 3) sum += luminance(pixel);
  const double mean = static_cast<double>(sum) / (static_cast<double>(pixels.size) * pixels.size);
  map_bytes(pixels, blend_table(static_cast<int>(mean + 0.5), factor));
}

void adjust_saturation(Pixels pixels, float factor) {
  std::uint8_t* const end = pixels.rgb + pixels.bytes();
  for (std::uint8_t* pixel = pixels.rgb; pixel != end; pixel += 3) {
    const int grey = luminance(pixel);
    for (int c = 0; c < 3; ++c) pixel[c] = blend(grey, pixel[c], factor);
  }
}

// ImageFilter.SMOOTH is the mean of 3 x 3 pixels in which the middle one counts five times; pixels on the
// border stay. Pillow's fp32 sum rounds as the integers do, because (2 sum + 13) / 26 is never a whole number
// by a hair.
void adjust_sharpness(Pixels pixels, float factor) {
  const std::vector<std::uint8_t> before(pixels.rgb, pixels.rgb + pixels.bytes());
  const std::size_t row = static_cast<std::size_t>(pixels.size) * 3;
  for (int y = 1; y + 1 < pixels.size; ++y) {
    for (int x = 1; x + 1 < pixels.size; ++x) {
      std::uint8_t* to = pixels.at(y, x);
      const std::uint8_t* from = before.data() + (to - pixels.rgb);
      for (int c = 0; c < 3; ++c, ++from) {
        const std::uint8_t* above = from - row;
        const std::uint8_t* below = from + row;
        const int sum = above[-3] + above[0] + above[3] + from[-3] + 5 * from[0] + from[3] + below[-3] +
                        below[0] + below[3];
        to[c] = blend((2 * sum + 13) / 26, from[0], factor);
      }
    }
  }
}

void posterize(Pixels pixels, int bits) {
  const int mask = 0xff & ~((1 << (8 - bits)) - 1);
  Table table;
  for (int v = 0; v < 256; ++v) table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(v & mask);
  map_bytes(pixels, table);
}

void solarize(Pixels pixels, int threshold) {
  Table table;
  for (int v = 0; v < 256; ++v)
    table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(v < threshold ? v : 255 - v);
  map_bytes(pixels, table);
}

void auto_contrast(Pixels pixels) {
  const auto counts = histograms(pixels);
  std::array<Table, 3> tables;
  for (std::size_t c = 0; c < 3; ++c) {
    tables[c] = identity_table();
    int darkest = 0;
    int lightest = 255;
    while (counts[c][static_cast<std::size_t>(darkest)] == 0) ++darkest;
    while (counts[c][static_cast<std::size_t>(lightest)] == 0) --lightest;
    if (lightest <= darkest) continue;
    const double scale = 255.0 / (lightest - darkest);
    const double offset = -darkest * scale;
    for (int v = 0; v < 256; ++v) {
      const int stretched = static_cast<int>(v * scale + offset);
      tables[c][static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(std::clamp(stretched, 0, 255));
    }
  }
  map_bytes(pixels, tables);
}

void equalize(Pixels pixels) {
  const auto counts = histograms(pixels);
  const int all = pixels.size * pixels.size;
  std::array<Table, 3> tables;
  for (std::size_t c = 0; c < 3; ++c) {
    tables[c] = identity_table();
    int lightest = 255;
    while (counts[c][static_cast<std::size_t>(lightest)] == 0) --lightest;
    const int step = (all - counts[c][static_cast<std::size_t>(lightest)]) / 255;
    if (step == 0) continue;
    int n = step / 2;
    for (std::size_t v = 0; v < 256; ++v) {
      tables[c][v] = static_cast<std::uint8_t>(std::min(n / step, 255));
      n += counts[c][v];
    }
  }
  map_bytes(pixels, tables);
}

// Positions in 16 fractional bits, a step added from pixel to pixel, as Pillow has it.
void transform(Pixels pixels, const AffineMap& map, Colour fill) {
  const auto fixed = [](double v) { return static_cast<std::int64_t>(std::floor(v * 65536.0 + 0.5)); };
  const std::vector<std::uint8_t> before(pixels.rgb, pixels.rgb + pixels.bytes());
  const std::int64_t x_by_x = fixed(map[0]), x_by_y = fixed(map[1]), y_by_x = fixed(map[3]),
                     y_by_y = fixed(map[4]);
  std::int64_t row_x = fixed(map[2] + map[0] * 0.5 + map[1] * 0.5);
  std::int64_t row_y = fixed(map[5] + map[3] * 0.5 + map[4] * 0.5);
  std::uint8_t* to = pixels.rgb;
  for (int y = 0; y < pixels.size; ++y, row_x += x_by_y, row_y += y_by_y) {
    std::int64_t from_x = row_x;
    std::int64_t from_y = row_y;
    for (int x = 0; x < pixels.size; ++x, from_x += x_by_x, from_y += y_by_x, to += 3) {
      const std::int64_t px = from_x >> 16;
      const std::int64_t py = from_y >> 16;
      const bool inside = px >= 0 && px < pixels.size && py >= 0 && py < pixels.size;
      std::memcpy(to, inside ? before.data() + (py * pixels.size + px) * 3 : fill.data(), 3);
    }
  }
}

AffineMap rotation(int size, double degrees) {
  const double angle = degrees * std::numbers::pi / 180;
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const double middle = size * 0.5;
  // Back from the result: to the middle, by the angle the other way round (rows count downwards), and out
  // again.
  return {c, -s, middle - c * middle + s * middle, s, c, middle - s * middle - c * middle};
}

AffineMap shear(double along_x, double along_y, int size) {
  const double middle = size * 0.5;
  return {1, along_x, -along_x * middle, along_y, 1, -along_y * middle};
}

AffineMap translation(double right, double down) {
  return {1, 0, -right, 0, 1, -down};
}

void fill_rectangle(Pixels pixels, int left, int top, int width, int height, Colour fill) {
  for (int y = top; y < top + height; ++y) {
    for (int x = left; x < left + width; ++x) std::memcpy(pixels.at(y, x), fill.data(), 3);
  }
}

}  // namespace resnet::train
