// The operations that augmentation is made of, in place, with Pillow's arithmetic: the same bytes as its
// ImageEnhance, ImageOps and Image.transform give.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace resnet::train {

// A square picture, 8-bit RGB, [size][size][3].
struct Pixels {
  std::uint8_t* rgb;
  int size;

  std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3;
  }
  std::uint8_t* at(int y, int x) const noexcept {
    return rgb +
           (static_cast<std::size_t>(y) * static_cast<std::size_t>(size) + static_cast<std::size_t>(x)) * 3;
  }
};
using Colour = std::array<std::uint8_t, 3>;

void flip(Pixels pixels);  // left to right

// Blends with black, with the mean grey, with the grey picture, with a smoothed picture: 1 changes nothing, 0
// gives the other picture, more than 1 goes away from it. factor >= 0.
void adjust_brightness(Pixels pixels, float factor);
void adjust_contrast(Pixels pixels, float factor);
void adjust_saturation(Pixels pixels, float factor);
void adjust_sharpness(Pixels pixels, float factor);

void posterize(Pixels pixels, int bits);      // keeps the highest bits of each byte; 0 … 8
void solarize(Pixels pixels, int threshold);  // inverts bytes from the threshold on; 256: none
void auto_contrast(Pixels pixels);            // stretches each channel to 0 … 255
void equalize(Pixels pixels);                 // makes the histogram of each channel flat

// Where an affine map takes each pixel of the result from (nearest pixel): the centre of (x, y) comes from
//     (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]);
// from outside the picture comes `fill`.
using AffineMap = std::array<double, 6>;
void transform(Pixels pixels, const AffineMap& map, Colour fill);

// Turning by an angle (degrees, counterclockwise), shearing and shifting, each about the middle of the
// picture.
AffineMap rotation(int size, double degrees);
AffineMap shear(double along_x, double along_y, int size);
AffineMap translation(double right, double down);

void fill_rectangle(Pixels pixels, int left, int top, int width, int height, Colour fill);

}  // namespace resnet::train
