// The EXIF orientation tag, and turning a picture by it.
#pragma once

#include "image/decoders.hpp"

namespace resnet::image {

// Values 1-8 of the tag (1: upright); 1 where there is none or it cannot be read. Never throws: a
// broken EXIF block does not make a picture unreadable.
int tiff_orientation(Bytes tiff) noexcept;  // a TIFF file, or the body of an EXIF block
int jpeg_orientation(Bytes file) noexcept;
int png_orientation(Bytes file) noexcept;
int webp_orientation(Bytes file) noexcept;

// Orientations 5-8 exchange width and height.
inline bool is_transposed(int orientation) {
  return orientation >= 5 && orientation <= 8;
}
Size upright_size(Size stored, int orientation);

// Where a rectangle of the upright picture lies in the stored one, and back.
Region to_stored(Region upright, Size stored, int orientation);
Region to_upright(Region of_stored, Size stored, int orientation);

Image turn_upright(Image image, int orientation);

}  // namespace resnet::image
