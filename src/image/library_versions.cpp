#include "image/library_versions.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <jpeglib.h>
#include <png.h>
#include <tiffio.h>
#include <webp/decode.h>

#ifdef RESNET_IMAGE_HEIF
#include <dlfcn.h>
#endif

namespace resnet::image {
namespace {

#define RESNET_TEXT_OF(macro) #macro
#define RESNET_TEXT(macro) RESNET_TEXT_OF(macro)

std::string jpeg_version() {
#ifdef LIBJPEG_TURBO_VERSION
  return RESNET_TEXT(LIBJPEG_TURBO_VERSION);
#else
  return fmt::format("API {}", JPEG_LIB_VERSION);
#endif
}

// "LIBTIFF, Version 4.5.0" and copyright lines after it.
std::string tiff_version() {
  const std::string text = TIFFGetVersion();
  const std::string line = text.substr(0, text.find('\n'));
  const std::size_t blank = line.rfind(' ');
  return blank == std::string::npos ? line : line.substr(blank + 1);
}

std::string webp_version() {
  const int version = WebPGetDecoderVersion();
  return fmt::format("{}.{}.{}", version >> 16, version >> 8 & 0xFF, version & 0xFF);
}

#ifdef RESNET_IMAGE_HEIF
// It is loaded where a HEIC is met, and may be absent.
std::string heif_version() {
  void* library = dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "not installed";
  const auto version = reinterpret_cast<const char* (*)()>(dlsym(library, "heif_get_version"));
  return version == nullptr ? "unknown" : version();
}
#endif

}  // namespace

std::vector<LibraryVersion> library_versions() {
  return {
      {"libjpeg-turbo", jpeg_version()}, {"libpng", png_get_libpng_ver(nullptr)},
      {"libtiff", tiff_version()},       {"libwebp", webp_version()},
#ifdef RESNET_IMAGE_HEIF
      {"libheif", heif_version()},
#endif
  };
}

}  // namespace resnet::image
