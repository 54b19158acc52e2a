#include "capi/pictures.hpp"

#include "capi/handles.hpp"

#include <cstring>

#include <fmt/format.h>

namespace resnet::capi {

void check_picture_size(int32_t width, int32_t height) {
  if (width >= 1 && height >= 1) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("a picture of {} x {} pixels: both must be at least 1", width, height));
}

void check_count(const char* name, std::size_t given, std::size_t needed) {
  if (given == needed) return;
  throw Error(ErrorCode::shape_mismatch,
              fmt::format("{} has room for {} values, {} are needed", name, given, needed));
}

Image copy_rgb(const uint8_t* rgb, int32_t width, int32_t height, std::size_t stride) {
  require(rgb, "rgb");
  check_picture_size(width, height);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * 3;
  if (stride == 0) stride = row_bytes;
  if (stride < row_bytes) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("stride {} is shorter than a row of {} bytes", stride, row_bytes));
  }
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(row_bytes * static_cast<std::size_t>(height));
  for (int32_t y = 0; y < height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    std::memcpy(image.rgb.data() + row * row_bytes, rgb + row * stride, row_bytes);
  }
  return image;
}

DecodeOptions decode_options(const resnet_decode_options* options) {
  DecodeOptions result;
  if (options == nullptr) return result;
  if (options->struct_size < sizeof(resnet_decode_options)) {
    throw Error(ErrorCode::invalid_argument,
                "decode options: use RESNET_DECODE_OPTIONS_INIT to fill struct_size");
  }
  if (options->max_pixels < 0)
    throw Error(ErrorCode::invalid_argument, "decode options: max_pixels is negative");
  result.exif = options->apply_exif != 0 ? ExifOrientation::apply : ExifOrientation::ignore;
  if (options->max_pixels > 0) result.max_pixels = options->max_pixels;
  return result;
}

}  // namespace resnet::capi
