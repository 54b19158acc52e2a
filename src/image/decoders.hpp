// The seam between the format-independent part (decode.cpp) and one decoder a format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <resnet/error.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::image {

using Bytes = std::span<const std::byte>;

inline std::uint8_t byte_at(Bytes bytes, std::size_t i) {
  return std::to_integer<std::uint8_t>(bytes[i]);
}
inline const std::uint8_t* as_u8(Bytes bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

// In pixels of the picture as stored, before any turning.
struct Region {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

struct DecodeRequest {
  Bytes bytes;
  const std::string& name;  // for messages
  std::int64_t max_pixels;
  // Given the size from the header: the part of the picture that is wanted. Empty: all of it. A
  // decoder may always give more than is wanted.
  std::function<Region(Size stored)> wanted;

  // Called by every decoder with what the header declares, before it takes memory for pixels. Throws
  // bad_format on an empty picture, too_large over max_pixels.
  void check_size(std::int64_t width, std::int64_t height) const;

  [[noreturn]] void fail(ErrorCode code, std::string_view what) const;  // "NAME: what"
};

// Each throws Error; the pixels are those of Pillow's convert("RGB").
ImageWindow decode_jpeg(const DecodeRequest& request);
ImageWindow decode_png(const DecodeRequest& request);
ImageWindow decode_webp(const DecodeRequest& request);
ImageWindow decode_tiff(const DecodeRequest& request);
#if defined(RESNET_IMAGE_HEIF)
ImageWindow decode_heif(const DecodeRequest& request);
bool heif_available() noexcept;  // whether libheif could be loaded
#endif

// A picture with room for its pixels, black. Throws out_of_memory.
Image make_image(const DecodeRequest& request, int width, int height);

// What a decoder that always gives the whole picture returns.
ImageWindow whole(Image image);

// Pillow's CMYK → RGB for one pixel: (255 - c) * (255 - k) / 255 with its rounding.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb) {
  const int light = 255 - cmyk[3];
  for (int i = 0; i < 3; ++i) {
    const int product = cmyk[i] * light + 128;
    const int ink = ((product >> 8) + product) >> 8;
    rgb[i] = static_cast<std::uint8_t>(light - ink < 0 ? 0 : light - ink);
  }
}

}  // namespace resnet::image
