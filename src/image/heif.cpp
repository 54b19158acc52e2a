// HEIC through libheif. It turns and mirrors the picture itself, as the container says; an EXIF
// orientation inside HEIC repeats that and is ignored, as the format asks.
//
// libheif is loaded when the first HEIC is met and not linked: the distributions' libheif brings an
// encoder under the GPL with it, and a program that never sees a HEIC should not need any of that.
#include "image/decoders.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>
#include <libheif/heif.h>

namespace resnet::image {
namespace {

// The functions used, named once: NAME stands for heif_NAME.
#define RESNET_HEIF_FUNCTIONS(X)           \
  X(context_alloc)                         \
  X(context_free)                          \
  X(context_get_primary_image_handle)      \
  X(context_read_from_memory_without_copy) \
  X(context_set_maximum_image_size_limit)  \
  X(decode_image)                          \
  X(image_get_height)                      \
  X(image_get_plane_readonly)              \
  X(image_get_width)                       \
  X(image_handle_get_height)               \
  X(image_handle_get_width)                \
  X(image_handle_release)                  \
  X(image_release)

struct Api {
#define RESNET_HEIF_DECLARE(name) decltype(&heif_##name) name = nullptr;
  RESNET_HEIF_FUNCTIONS(RESNET_HEIF_DECLARE)
#undef RESNET_HEIF_DECLARE
  bool complete = false;
};

// Loaded once and kept: codecs register themselves on loading and do not survive being unloaded.
const Api& api() {
  static const Api loaded = [] {
    Api a;
    void* library = dlopen("libheif.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return a;
    a.complete = true;
#define RESNET_HEIF_LOAD(name)                                                      \
  a.name = reinterpret_cast<decltype(&heif_##name)>(dlsym(library, "heif_" #name)); \
  a.complete = a.complete && a.name != nullptr;
    RESNET_HEIF_FUNCTIONS(RESNET_HEIF_LOAD)
#undef RESNET_HEIF_LOAD
    return a;
  }();
  return loaded;
}
#undef RESNET_HEIF_FUNCTIONS

struct Free {
  void operator()(heif_context* p) const noexcept { api().context_free(p); }
  void operator()(heif_image_handle* p) const noexcept { api().image_handle_release(p); }
  void operator()(heif_image* p) const noexcept { api().image_release(p); }
};

void check(const DecodeRequest& request, const heif_error& error) {
  switch (error.code) {
    case heif_error_Ok:
      return;
    case heif_error_Memory_allocation_error:
      request.fail(ErrorCode::too_large, fmt::format("libheif refuses it: {}", error.message));
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      request.fail(ErrorCode::unsupported, fmt::format("{}; convert it to JPEG first", error.message));
    default:
      break;
  }
  if (error.subcode == heif_suberror_End_of_data) request.fail(ErrorCode::truncated, "the file is truncated");
  request.fail(ErrorCode::bad_format, fmt::format("damaged HEIC: {}", error.message));
}

}  // namespace

bool heif_available() noexcept {
  return api().complete;
}

ImageWindow decode_heif(const DecodeRequest& request) {
  const Api& heif = api();
  if (!heif.complete) {
    request.fail(
        ErrorCode::unsupported,
        "this is a HEIC picture, and libheif is not there to read it: install it (Debian, Ubuntu: libheif1), "
        "or convert the picture to JPEG first");
  }
  const std::unique_ptr<heif_context, Free> context(heif.context_alloc());
  if (!context) request.fail(ErrorCode::out_of_memory, "no memory to read a HEIC");
  // libheif's limit is on a side; one side of a picture cannot exceed its pixels.
  heif.context_set_maximum_image_size_limit(
      context.get(), static_cast<int>(std::clamp<std::int64_t>(request.max_pixels, 1, 1 << 16)));
  check(request, heif.context_read_from_memory_without_copy(context.get(), request.bytes.data(),
                                                            request.bytes.size(), nullptr));
  heif_image_handle* handle_out = nullptr;
  check(request, heif.context_get_primary_image_handle(context.get(), &handle_out));
  const std::unique_ptr<heif_image_handle, Free> handle(handle_out);
  request.check_size(heif.image_handle_get_width(handle.get()), heif.image_handle_get_height(handle.get()));

  heif_image* picture_out = nullptr;
  check(request, heif.decode_image(handle.get(), &picture_out, heif_colorspace_RGB,
                                   heif_chroma_interleaved_RGB, nullptr));
  const std::unique_ptr<heif_image, Free> picture(picture_out);
  // What was decoded may differ from what was declared.
  const int width = heif.image_get_width(picture.get(), heif_channel_interleaved);
  const int height = heif.image_get_height(picture.get(), heif_channel_interleaved);
  request.check_size(width, height);
  int stride = 0;
  const std::uint8_t* rows = heif.image_get_plane_readonly(picture.get(), heif_channel_interleaved, &stride);
  if (rows == nullptr) request.fail(ErrorCode::bad_format, "damaged HEIC: no pixels");

  Image image = make_image(request, width, height);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * 3;
  for (int y = 0; y < height; ++y) {
    std::memcpy(image.rgb.data() + static_cast<std::size_t>(y) * row_bytes,
                rows + static_cast<std::ptrdiff_t>(y) * stride, row_bytes);
  }
  return whole(std::move(image));
}

}  // namespace resnet::image
