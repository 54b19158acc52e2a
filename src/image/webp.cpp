// WebP through libwebp: lossy, lossless, with alpha (dropped, as Pillow's convert("RGB") does), and of
// an animation the first frame on its canvas.
#include "image/decoders.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <webp/decode.h>

namespace resnet::image {
namespace {

std::uint32_t little_endian(Bytes bytes, std::size_t at, unsigned size) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= static_cast<std::uint32_t>(byte_at(bytes, at + i)) << (8 * i);
  return value;
}

// The first ANMF chunk: where the frame lies on the canvas, and its own chunks, which libwebp decodes
// as if they were a file.
//     X/2 : 3   Y/2 : 3   width-1 : 3   height-1 : 3   duration : 3   flags : 1   chunks
struct Frame {
  Region place;
  Bytes chunks;
};

std::optional<Frame> first_frame(Bytes file) {
  constexpr std::size_t kFrameHeader = 16;
  for (std::size_t at = 12; file.size() - at >= 8;) {
    const std::size_t length = little_endian(file, at + 4, 4);
    const Bytes body = file.subspan(at + 8);
    if (std::memcmp(file.data() + at, "ANMF", 4) == 0) {
      if (length < kFrameHeader || body.size() < kFrameHeader) return std::nullopt;
      return Frame{.place = {.left = static_cast<int>(little_endian(body, 0, 3) * 2),
                             .top = static_cast<int>(little_endian(body, 3, 3) * 2),
                             .width = static_cast<int>(little_endian(body, 6, 3) + 1),
                             .height = static_cast<int>(little_endian(body, 9, 3) + 1)},
                   .chunks = body.subspan(kFrameHeader, std::min(length, body.size()) - kFrameHeader)};
    }
    const std::size_t padded = length + (length & 1);
    if (body.size() < padded) return std::nullopt;
    at += 8 + padded;
  }
  return std::nullopt;
}

void check(const DecodeRequest& request, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return;
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      request.fail(ErrorCode::truncated, "the file is truncated");
    case VP8_STATUS_OUT_OF_MEMORY:
      request.fail(ErrorCode::out_of_memory, "no memory to decode a WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      request.fail(ErrorCode::unsupported, "a WebP with features not known here");
    default:
      request.fail(ErrorCode::bad_format, "damaged WebP");
  }
}

}  // namespace

ImageWindow decode_webp(const DecodeRequest& request) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) request.fail(ErrorCode::internal, "libwebp is of another version");
  check(request, WebPGetFeatures(as_u8(request.bytes), request.bytes.size(), &config.input));
  const int width = config.input.width;
  const int height = config.input.height;
  request.check_size(width, height);

  Bytes data = request.bytes;
  Region place{0, 0, width, height};
  if (config.input.has_animation != 0) {
    const std::optional<Frame> frame = first_frame(request.bytes);
    if (!frame) request.fail(ErrorCode::truncated, "the animation ends before its first frame");
    place = frame->place;
    data = frame->chunks;
    if (place.left + place.width > width || place.top + place.height > height) {
      request.fail(ErrorCode::bad_format, "damaged WebP: a frame leaves the canvas");
    }
    WebPBitstreamFeatures own;
    check(request, WebPGetFeatures(as_u8(data), data.size(), &own));
    if (own.width != place.width || own.height != place.height || own.has_animation != 0) {
      request.fail(ErrorCode::bad_format, "damaged WebP: a frame is not of the size it declares");
    }
  }

  Image image = make_image(request, width, height);
  const std::size_t stride = static_cast<std::size_t>(width) * 3;
  std::uint8_t* origin = image.rgb.data() + static_cast<std::size_t>(place.top) * stride +
                         static_cast<std::size_t>(place.left) * 3;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = origin;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = static_cast<std::size_t>(image.rgb.data() + image.rgb.size() - origin);
  const VP8StatusCode status = WebPDecode(as_u8(data), data.size(), &config);
  WebPFreeDecBuffer(&config.output);
  check(request, status);
  return whole(std::move(image));
}

}  // namespace resnet::image
