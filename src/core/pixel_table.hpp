// What an 8-bit pixel is to a network: ToTensor and Normalize as a table of the 256 values that a channel can
// take. Whoever normalises, on a processor or a GPU, reads it from here, and so has the same bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace resnet {

using PixelTable = std::array<std::array<float, 256>, 3>;  // [R G B][value]

// (value / 255 − mean) / std in fp32, in this order. Throws Error{invalid_argument} where a standard
// deviation is not above 0.
PixelTable pixel_table(const std::array<float, 3>& mean, const std::array<float, 3>& std);

// rgb: `images` pictures of `plane` pixels, 3 bytes a pixel → chw: [images][3][plane].
void normalise(const PixelTable& table, const std::uint8_t* rgb, std::size_t images, std::size_t plane,
               float* chw);

}  // namespace resnet
