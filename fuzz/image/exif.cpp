// The orientation readers alone: they take any bytes and never throw.
#include "image/exif.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const auto read : {resnet::image::tiff_orientation, resnet::image::jpeg_orientation,
                          resnet::image::png_orientation, resnet::image::webp_orientation}) {
    const int orientation = read(bytes);
    if (orientation < 1 || orientation > 8) __builtin_trap();
  }
  return 0;
}
