#include "image/decode_region.hpp"
#include "image/exif.hpp"
#include "image/picture_file.hpp"
#include "image/preprocess_plan.hpp"
#include "image/sniff.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <fmt/format.h>

#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::image {

void DecodeRequest::fail(ErrorCode code, std::string_view what) const {
  throw Error(code, fmt::format("{}: {}", name, what));
}

void DecodeRequest::check_size(std::int64_t width, std::int64_t height) const {
  if (width < 1 || height < 1)
    fail(ErrorCode::bad_format, fmt::format("declares {} x {} pixels", width, height));
  // Both factors stay below 2^32 in every format, so neither the product nor the comparison overflows.
  if (width > 0x7fff'ffff || height > 0x7fff'ffff || width * height > max_pixels) {
    fail(ErrorCode::too_large,
         fmt::format("declares {} x {} pixels, over the limit of {}: raise the limit on pixels "
                     "if the file is meant",
                     width, height, max_pixels));
  }
}

Image make_image(const DecodeRequest& request, int width, int height) {
  Image image;
  image.width = width;
  image.height = height;
  try {
    image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  } catch (const std::bad_alloc&) {
    request.fail(ErrorCode::out_of_memory, fmt::format("no memory for {} x {} pixels", width, height));
  }
  return image;
}

ImageWindow whole(Image image) {
  const Size size{image.height, image.width};
  return {.full = size, .left = 0, .top = 0, .pixels = std::move(image)};
}

namespace {

struct FormatEntry {
  Format format;
  std::string_view name;
  std::array<std::string_view, 4> extensions;  // lower case, unused ones empty
  ImageWindow (*decode)(const DecodeRequest&);
  int (*orientation)(Bytes) noexcept;  // null where the decoder turns the picture itself
};

#if !defined(RESNET_IMAGE_HEIF)
bool heif_available() noexcept {
  return false;
}
ImageWindow decode_heif(const DecodeRequest& request) {
  request.fail(ErrorCode::unsupported,
               "this is a HEIC picture, and this build was made without libheif; convert it to JPEG first");
}
#endif

// The one list of what is read: it names the formats, tells their files, and dispatches.
constexpr std::array kFormats{
    FormatEntry{Format::jpeg, "JPEG", {".jpg", ".jpeg", ".jpe", ".jfif"}, decode_jpeg, jpeg_orientation},
    FormatEntry{Format::png, "PNG", {".png", ".apng"}, decode_png, png_orientation},
    FormatEntry{Format::webp, "WebP", {".webp"}, decode_webp, webp_orientation},
    FormatEntry{Format::tiff, "TIFF", {".tif", ".tiff"}, decode_tiff, nullptr},
    FormatEntry{Format::heic, "HEIC", {".heic", ".heif", ".hif"}, decode_heif, nullptr},
};

ImageWindow decode(Bytes bytes, const std::string& name, const DecodeOptions& options,
                   const RegionWanted& wanted) {
  if (bytes.empty()) throw Error(ErrorCode::bad_format, fmt::format("{}: the file is empty", name));
  const Format format = sniff(bytes.first(std::min(bytes.size(), kSniffBytes)), name);
  const auto entry = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const FormatEntry& e) { return e.format == format; });
  if (entry == kFormats.end()) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: not a picture of a known format", name));
  }
  const bool turn = options.exif == ExifOrientation::apply && entry->orientation != nullptr;
  const int orientation = turn ? entry->orientation(bytes) : 1;

  DecodeRequest request{.bytes = bytes, .name = name, .max_pixels = options.max_pixels, .wanted = {}};
  if (wanted) {
    request.wanted = [&](Size stored) {
      return to_stored(wanted(upright_size(stored, orientation)), stored, orientation);
    };
  }
  ImageWindow window = entry->decode(request);
  const Region place = to_upright({window.left, window.top, window.pixels.width, window.pixels.height},
                                  window.full, orientation);
  return {.full = upright_size(window.full, orientation),
          .left = place.left,
          .top = place.top,
          .pixels = turn_upright(std::move(window.pixels), orientation)};
}

}  // namespace

ImageWindow decode_region(Bytes bytes, const std::string& name, const RegionWanted& wanted,
                          const DecodeOptions& options) {
  return decode(bytes, name, options, wanted);
}

ImageWindow load_region(const std::filesystem::path& path, const RegionWanted& wanted,
                        const DecodeOptions& options) {
  return decode(read_picture_file(path, options.max_pixels), path.string(), options, wanted);
}

}  // namespace resnet::image

namespace resnet {

Image decode_image(std::span<const std::byte> bytes, const std::string& name, const DecodeOptions& options) {
  return image::decode(bytes, name, options, {}).pixels;
}

Image load_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(image::read_picture_file(path, options.max_pixels), path.string(), options);
}

ImageWindow decode_window(std::span<const std::byte> bytes, const std::string& name,
                          const Preprocess& preprocess, const DecodeOptions& options) {
  const auto wanted = [&](Size picture) {
    return image::region_read(
        image::make_axes(image::make_plan(preprocess, picture), picture, preprocess.interpolation));
  };
  return image::decode(bytes, name, options, wanted);
}

ImageWindow load_window(const std::filesystem::path& path, const Preprocess& preprocess,
                        const DecodeOptions& options) {
  return decode_window(image::read_picture_file(path, options.max_pixels), path.string(), preprocess,
                       options);
}

std::vector<std::string_view> image_formats() {
  std::vector<std::string_view> names;
  for (const image::FormatEntry& entry : image::kFormats) {
    if (entry.format != image::Format::heic || image::heif_available()) names.push_back(entry.name);
  }
  return names;
}

bool has_image_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  if (extension.empty()) return false;
  return std::any_of(image::kFormats.begin(), image::kFormats.end(), [&](const image::FormatEntry& entry) {
    return std::find(entry.extensions.begin(), entry.extensions.end(), extension) != entry.extensions.end();
  });
}

}  // namespace resnet
