#include "image/exif.hpp"

#include <cstring>
#include <optional>
#include <utility>

namespace resnet::image {
namespace {

constexpr int kUpright = 1;
constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kTypeShort = 3;

// Reads numbers in the byte order that a TIFF header names. Out of bounds: nothing.
class Reader {
 public:
  Reader(Bytes bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint64_t> number(std::uint64_t offset, unsigned size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) return std::nullopt;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) {
      const unsigned shift = 8 * (big_endian_ ? size - 1 - i : i);
      value |= static_cast<std::uint64_t>(byte_at(bytes_, static_cast<std::size_t>(offset + i))) << shift;
    }
    return value;
  }

 private:
  Bytes bytes_;
  bool big_endian_;
};

bool matches(Bytes bytes, std::size_t at, std::string_view text) {
  return at <= bytes.size() && bytes.size() - at >= text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// Some writers repeat the "Exif\0\0" prefix of JPEG in other containers.
int exif_block_orientation(Bytes block) {
  constexpr std::string_view prefix("Exif\0\0", 6);
  return tiff_orientation(matches(block, 0, prefix) ? block.subspan(prefix.size()) : block);
}

}  // namespace

int tiff_orientation(Bytes tiff) noexcept {
  if (tiff.size() < 8) return kUpright;
  const bool big_endian = matches(tiff, 0, "MM");
  if (!big_endian && !matches(tiff, 0, "II")) return kUpright;
  const Reader reader(tiff, big_endian);
  const auto magic = reader.number(2, 2);
  const bool big_tiff = magic == 43u;  // 64-bit offsets
  if (magic != 42u && !big_tiff) return kUpright;

  const auto directory = big_tiff ? reader.number(8, 8) : reader.number(4, 4);
  if (!directory || *directory > tiff.size()) return kUpright;
  const unsigned count_size = big_tiff ? 8 : 2;
  const unsigned entry_size = big_tiff ? 20 : 12;
  const auto count = reader.number(*directory, count_size);
  if (!count) return kUpright;
  std::uint64_t entry = *directory + count_size;
  for (std::uint64_t i = 0; i < *count; ++i, entry += entry_size) {
    const auto tag = reader.number(entry, 2);
    if (!tag) return kUpright;
    if (*tag != kOrientationTag) continue;
    if (reader.number(entry + 2, 2) != kTypeShort) return kUpright;
    const auto value = reader.number(entry + (big_tiff ? 12 : 8), 2);
    return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : kUpright;
  }
  return kUpright;
}

int jpeg_orientation(Bytes file) noexcept {
  constexpr std::string_view prefix("Exif\0\0", 6);
  std::size_t at = 2;
  while (at + 4 <= file.size() && byte_at(file, at) == 0xff) {
    const std::uint8_t marker = byte_at(file, at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;  // pixels begin, or the file ends
    const std::size_t length = static_cast<std::size_t>(byte_at(file, at + 2)) << 8 | byte_at(file, at + 3);
    if (length < 2 || file.size() - at - 2 < length) break;
    const Bytes segment = file.subspan(at + 4, length - 2);
    if (marker == 0xe1 && matches(segment, 0, prefix))
      return tiff_orientation(segment.subspan(prefix.size()));
    at += 2 + length;
  }
  return kUpright;
}

int png_orientation(Bytes file) noexcept {
  std::size_t at = 8;
  const Reader reader(file, true);
  while (const auto length = reader.number(at, 4)) {
    if (file.size() - at < 12 || *length > file.size() - at - 12) break;
    if (matches(file, at + 4, "eXIf"))
      return exif_block_orientation(file.subspan(at + 8, static_cast<std::size_t>(*length)));
    at += 12 + static_cast<std::size_t>(*length);
  }
  return kUpright;
}

int webp_orientation(Bytes file) noexcept {
  std::size_t at = 12;
  const Reader reader(file, false);
  while (const auto length = reader.number(at + 4, 4)) {
    if (*length > file.size() - at - 8) break;
    if (matches(file, at, "EXIF"))
      return exif_block_orientation(file.subspan(at + 8, static_cast<std::size_t>(*length)));
    at += 8 + static_cast<std::size_t>(*length) + (*length & 1);
    if (at > file.size()) break;
  }
  return kUpright;
}

Size upright_size(Size stored, int orientation) {
  return is_transposed(orientation) ? Size{stored.width, stored.height} : stored;
}

// How the upright picture is read off the stored one:
//   1 as it is      2 mirrored left-right   3 turned by 180°   4 mirrored top-bottom
//   5 transposed    6 turned clockwise      7 transversed      8 turned anticlockwise
// In terms of stored coordinates: (x, y) of the upright picture, exchanged for 5-8, then counted from
// the far side for x in 2, 3, 7, 8 and for y in 3, 4, 6, 7.
namespace {
bool flips_x(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}
bool flips_y(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

Region flip(Region r, Size stored, int orientation) {
  if (flips_x(orientation)) r.left = stored.width - r.left - r.width;
  if (flips_y(orientation)) r.top = stored.height - r.top - r.height;
  return r;
}
Region transpose(Region r, int orientation) {
  return is_transposed(orientation) ? Region{r.top, r.left, r.height, r.width} : r;
}
}  // namespace

Region to_stored(Region upright, Size stored, int orientation) {
  return flip(transpose(upright, orientation), stored, orientation);
}

Region to_upright(Region of_stored, Size stored, int orientation) {
  return transpose(flip(of_stored, stored, orientation), orientation);
}

Image turn_upright(Image image, int orientation) {
  if (orientation <= kUpright || orientation > 8) return image;
  const auto width = static_cast<std::ptrdiff_t>(image.width);
  const auto height = static_cast<std::ptrdiff_t>(image.height);
  Image out;
  out.width = is_transposed(orientation) ? image.height : image.width;
  out.height = is_transposed(orientation) ? image.width : image.height;
  out.rgb.resize(image.rgb.size());

  // Steps in the stored picture for one step right and one step down in the upright one.
  const std::ptrdiff_t step_x = (flips_x(orientation) ? -1 : 1) * std::ptrdiff_t{3};
  const std::ptrdiff_t step_y = (flips_y(orientation) ? -1 : 1) * width * 3;
  const std::ptrdiff_t right = is_transposed(orientation) ? step_y : step_x;
  const std::ptrdiff_t down = is_transposed(orientation) ? step_x : step_y;
  const std::ptrdiff_t origin =
      (flips_x(orientation) ? (width - 1) * 3 : 0) + (flips_y(orientation) ? (height - 1) * width * 3 : 0);
  std::uint8_t* to = out.rgb.data();
  for (int y = 0; y < out.height; ++y) {
    std::ptrdiff_t from = origin + y * down;
    for (int x = 0; x < out.width; ++x, from += right, to += 3) std::memcpy(to, image.rgb.data() + from, 3);
  }
  return out;
}

}  // namespace resnet::image
