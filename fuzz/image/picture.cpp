// Every picture format: decode in full and by window, both orientations, with a small limit on pixels,
// and hold the two ways to the same answer (RESNET_FUZZ_SAME_ANSWER). Not for HEIC: on damaged streams
// libde265 leaves parts of a picture as it found the memory, so that decoding twice differs now and then.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <resnet/error.hpp>
#include <resnet/image.hpp>
#include <resnet/preprocess.hpp>

namespace resnet {
namespace {

constexpr std::int64_t kMaxPixels = 1 << 16;

Preprocess small_preprocess() {
  Preprocess p;
  p.resize = {20, 20};
  p.center_crop = Size{16, 15};
  return p;
}

template <typename Decode>
std::optional<std::vector<float>> tensor_of(const Decode& decode) {
  const Preprocess p = small_preprocess();
  try {
    std::vector<float> chw(std::size_t{3} * 16 * 15);
    preprocess_image(decode(p), p, chw.data());
    return chw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal || error.code() == ErrorCode::invalid_argument) __builtin_trap();
    return std::nullopt;
  }
}

}  // namespace
}  // namespace resnet

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resnet;
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const ExifOrientation exif : {ExifOrientation::ignore, ExifOrientation::apply}) {
    const DecodeOptions options{.exif = exif, .max_pixels = kMaxPixels};
    const auto full = tensor_of([&](const Preprocess&) {
      Image image = decode_image(bytes, "input", options);
      const std::size_t expected =
          static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3;
      if (image.rgb.size() != expected || expected > kMaxPixels * 3) __builtin_trap();
      return image;
    });
    const auto window =
        tensor_of([&](const Preprocess& p) { return decode_window(bytes, "input", p, options); });
    if (!RESNET_FUZZ_SAME_ANSWER) continue;
    if (full.has_value() != window.has_value()) __builtin_trap();
    if (full && std::memcmp(full->data(), window->data(), full->size() * sizeof(float)) != 0)
      __builtin_trap();
  }
  return 0;
}
