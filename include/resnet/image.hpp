// Bytes → pixels. Decoding gives 8-bit RGB exactly as Pillow's Image.open(...).convert("RGB") would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resnet {

// 8-bit RGB, interleaved, rows from the top, no row padding.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // height * width * 3

  const std::uint8_t* row(int y) const { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
};

enum class ExifOrientation {
  ignore,  // pixels as stored, what torchvision sees
  apply,   // turned upright by the EXIF orientation tag
};         // TIFF and HEIC are always turned: Pillow and libheif do it while they read

struct DecodeOptions {
  ExifOrientation exif = ExifOrientation::ignore;
  // Files whose header declares more pixels than this are refused before any pixel memory is taken.
  std::int64_t max_pixels = 178'956'970;  // Pillow's own warning limit: 512 MiB of RGB
};

// Decodes JPEG, PNG, WebP, TIFF and, where built in, HEIC. `name` appears in messages only. Throws
// Error: bad_format, truncated, unsupported (RAW, AVIF, ...: the message says what to do), too_large.
Image decode_image(std::span<const std::byte> bytes, const std::string& name,
                   const DecodeOptions& options = {});

// Reads a regular file and decodes it. Throws Error: not_found, io (directories, FIFOs, devices,
// unreadable files), and all that decode_image throws.
Image load_image(const std::filesystem::path& path, const DecodeOptions& options = {});

// The formats that can be decoded here, e.g. {"JPEG", "PNG", "WebP", "TIFF", "HEIC"}; HEIC only where
// libheif is installed.
std::vector<std::string_view> image_formats();

// True where the file name ends as one of those formats' files do (".jpg", ".JPEG", ".heic", ...), HEIC
// counted in any case, so that a folder's photos are never left out in silence.
bool has_image_extension(const std::filesystem::path& path);

}  // namespace resnet
