#include "output/picture_data.hpp"

#include "core/mapped_file.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/error.hpp>
#include <resnet/image.hpp>

namespace resnet {
namespace {

using Bytes = std::span<const std::byte>;

[[noreturn]] void truncated(const std::string& name) {
  throw Error(ErrorCode::truncated, name + ": the file ends inside its picture data");
}

std::uint8_t at(Bytes bytes, std::size_t i, const std::string& name) {
  if (i >= bytes.size()) truncated(name);
  return static_cast<std::uint8_t>(bytes[i]);
}

Bytes part(Bytes bytes, std::size_t begin, std::size_t size, const std::string& name) {
  if (begin > bytes.size() || size > bytes.size() - begin) truncated(name);
  return bytes.subspan(begin, size);
}

std::string_view text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// The parts of a file that make up its picture, as views, in order.
std::vector<Bytes> jpeg_parts(Bytes file, const std::string& name) {
  std::vector<Bytes> parts;
  std::size_t pos = 2;
  for (;;) {
    if (at(file, pos, name) != 0xff) truncated(name);
    while (at(file, pos, name) == 0xff) ++pos;  // fill bytes may come before a marker
    const std::uint8_t marker = at(file, pos, name);
    ++pos;
    if (marker == 0xd9) break;  // the end, without any scan
    const std::size_t length = static_cast<std::size_t>(at(file, pos, name)) << 8 | at(file, pos + 1, name);
    if (length < 2) truncated(name);
    const bool metadata = marker == 0xe1 || marker == 0xed;
    if (!metadata) parts.push_back(part(file, pos - 1, length + 1, name));
    pos += length;
    if (marker == 0xda) {
      // From the first scan on there is no metadata: later scans, tables, and whatever a camera put
      // behind the end of the picture.
      parts.push_back(file.subspan(std::min(pos, file.size())));
      break;
    }
  }
  return parts;
}

std::vector<Bytes> png_parts(Bytes file, const std::string& name) {
  std::vector<Bytes> parts;
  std::size_t pos = 8;
  while (pos < file.size()) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | at(file, pos + i, name);
    const Bytes chunk = part(file, pos, length + 12, name);
    const std::string_view type = text(part(chunk, 4, 4, name));
    if (type != "iTXt" && type != "tEXt" && type != "zTXt" && type != "eXIf" && type != "tIME")
      parts.push_back(chunk);
    pos += length + 12;
    if (type == "IEND") break;
  }
  return parts;
}

std::vector<Bytes> webp_parts(Bytes file, const std::string& name) {
  std::vector<Bytes> parts;
  std::size_t pos = 12;
  while (pos < file.size()) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length |= static_cast<std::size_t>(at(file, pos + 4 + i, name)) << (8 * i);
    const Bytes chunk = part(file, pos, length + 8, name);
    const std::string_view type = text(chunk.first(4));
    // VP8X is a header that says which other chunks there are; it may appear with the first metadata.
    if (type != "XMP " && type != "EXIF" && type != "VP8X") parts.push_back(chunk);
    pos += length + 8 + (length & 1);
  }
  return parts;
}

bool equal(const std::vector<Bytes>& a, const std::vector<Bytes>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Bytes x, Bytes y) {
    return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0);
  });
}

}  // namespace

PictureFormat picture_format(Bytes bytes) {
  using namespace std::string_view_literals;
  if (starts_with(bytes, "\xff\xd8\xff"sv)) return PictureFormat::jpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n"sv)) return PictureFormat::png;
  if (starts_with(bytes, "II\x2a\0"sv) || starts_with(bytes, "MM\0\x2a"sv)) return PictureFormat::tiff;
  if (bytes.size() >= 12 && starts_with(bytes, "RIFF"sv) && text(bytes.subspan(8, 4)) == "WEBP") {
    return PictureFormat::webp;
  }
  return PictureFormat::other;
}

bool same_picture(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto file_a = MappedFile::open(a);
  const auto file_b = MappedFile::open(b);
  const PictureFormat format = picture_format(file_a->bytes());
  if (format != picture_format(file_b->bytes())) return false;
  const auto compare = [&](auto parts) {
    return equal(parts(file_a->bytes(), a.string()), parts(file_b->bytes(), b.string()));
  };
  switch (format) {
    case PictureFormat::jpeg:
      return compare(jpeg_parts);
    case PictureFormat::png:
      return compare(png_parts);
    case PictureFormat::webp:
      return compare(webp_parts);
    case PictureFormat::tiff:
    case PictureFormat::other:
      break;
  }
  const Image image_a = decode_image(file_a->bytes(), a.string());
  const Image image_b = decode_image(file_b->bytes(), b.string());
  return image_a.width == image_b.width && image_a.height == image_b.height && image_a.rgb == image_b.rgb;
}

}  // namespace resnet
