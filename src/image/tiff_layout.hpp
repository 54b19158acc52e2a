// How the samples of a TIFF become RGB. Which combinations of photometric interpretation, bits and
// extra samples are taken, and what they mean, follows Pillow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace resnet::image {

enum class TiffColor {
  grey,
  palette,
  rgb,
  rgb_premultiplied,  // alpha is the fourth sample; colours are divided by it
  cmyk,
};

enum class TiffSample { unsigned_integer, signed_integer, real };

struct TiffLayout {
  TiffColor color = TiffColor::grey;
  TiffSample sample = TiffSample::unsigned_integer;
  int bits = 8;           // 1, 2, 4, 8, 12, 16, 32; more than one sample: 8 or 16
  int samples = 1;        // of a pixel, with those that are not used
  bool separate = false;  // a plane a sample, instead of a pixel's samples side by side
  bool invert = false;    // grey where 0 is white
  // 8-bit colours of a palette, filled up with a ramp where it is short.
  std::array<std::array<std::uint8_t, 3>, 256> palette{};

  // Samples from one pixel to the next in a plane.
  std::size_t step() const { return separate ? 1 : static_cast<std::size_t>(samples); }
  int samples_used() const {
    return color == TiffColor::grey || color == TiffColor::palette ? 1 : color == TiffColor::rgb ? 3 : 4;
  }
};

// One row of `width` pixels, in the byte order of this machine. planes: one, or where they are separate
// samples_used() of them. `rgb`: 3 * width bytes.
void tiff_row_to_rgb(const TiffLayout& layout, std::span<const std::uint8_t* const> planes, std::size_t width,
                     std::uint8_t* rgb);

}  // namespace resnet::image
