#include "output/xmp_container.hpp"

#include <cstdint>
#include <vector>

#include <zlib.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using Bytes = std::span<const std::byte>;

// iTXt: keyword, 0, compressed?, method, language, 0, translated keyword, 0, text.
constexpr std::string_view kPngKeyword("XML:com.adobe.xmp\0", 18);
constexpr std::size_t kPngSignature = 8;
constexpr std::size_t kRiffHeader = 12;
constexpr std::size_t kMaxPacket = std::size_t{64} << 20;
// Bits of the first byte of a VP8X chunk.
constexpr unsigned char kWebpHasXmp = 0x04;
constexpr unsigned char kWebpHasAlpha = 0x10;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void ends_in_chunk(const std::string& name) {
  throw Error(ErrorCode::truncated, name + ": the file ends inside a chunk");
}

[[noreturn]] void damaged(const std::string& name, const char* what) {
  throw Error(ErrorCode::bad_format, name + ": " + what);
}

struct Chunk {
  std::string_view type;  // four letters
  std::string_view data;
  std::string_view whole;  // with header, and checksum or padding
};

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

std::vector<Chunk> png_chunks(Bytes file, const std::string& name) {
  const std::string_view text = text_of(file);
  std::vector<Chunk> chunks;
  for (std::size_t pos = kPngSignature; pos < text.size();) {
    if (text.size() - pos < 12) ends_in_chunk(name);
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | byte_at(text, pos + i);
    if (length > text.size() - pos - 12) ends_in_chunk(name);
    chunks.push_back({text.substr(pos + 4, 4), text.substr(pos + 8, length), text.substr(pos, length + 12)});
    pos += length + 12;
    if (chunks.back().type == "IEND") {
      if (pos < text.size()) chunks.push_back({"", "", text.substr(pos)});  // whatever was put behind the end
      return chunks;
    }
  }
  ends_in_chunk(name);
}

bool is_png_xmp(const Chunk& chunk) {
  return chunk.type == "iTXt" && chunk.data.substr(0, 18) == kPngKeyword;
}

std::string inflated(std::string_view data, const std::string& name) {
  std::string out(std::max<std::size_t>(data.size() * 4, 4096), '\0');
  for (;;) {
    uLongf size = out.size();
    const int result =
        uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(data.data()),
                   static_cast<uLong>(data.size()));
    if (result == Z_OK) {
      out.resize(size);
      return out;
    }
    if (result != Z_BUF_ERROR || out.size() >= kMaxPacket) damaged(name, "its compressed XMP is damaged");
    out.resize(out.size() * 4);
  }
}

void append_big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

void append_little_endian(std::string& out, std::uint32_t value, int bytes = 4) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::string png_chunk(std::string_view type, std::string_view data) {
  std::string out;
  append_big_endian(out, static_cast<std::uint32_t>(data.size()));
  out.append(type).append(data);
  const auto* summed = reinterpret_cast<const Bytef*>(out.data() + 4);
  append_big_endian(out, static_cast<std::uint32_t>(crc32(0, summed, static_cast<uInt>(out.size() - 4))));
  return out;
}

std::vector<Chunk> webp_chunks(Bytes file, const std::string& name) {
  const std::string_view text = text_of(file);
  std::vector<Chunk> chunks;
  for (std::size_t pos = kRiffHeader; pos < text.size();) {
    if (text.size() - pos < 8) ends_in_chunk(name);
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length |= static_cast<std::size_t>(byte_at(text, pos + 4 + i)) << (8 * i);
    if (length > text.size() - pos - 8) ends_in_chunk(name);
    // An odd chunk is followed by a padding byte, which some writers leave out at the very end.
    const std::size_t padded = std::min(8 + length + (length & 1), text.size() - pos);
    chunks.push_back({text.substr(pos, 4), text.substr(pos + 8, length), text.substr(pos, padded)});
    pos += padded;
  }
  if (chunks.empty()) ends_in_chunk(name);
  return chunks;
}

void append_riff_chunk(std::string& out, std::string_view type, std::string_view data) {
  out.append(type);
  append_little_endian(out, static_cast<std::uint32_t>(data.size()));
  out.append(data);
  if (data.size() % 2 != 0) out += '\0';
}

// The header chunk of an extended WebP, for a file that has only a picture chunk so far.
std::string webp_extension(const Chunk& picture, const std::string& name) {
  const std::string_view d = picture.data;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool alpha = false;
  if (picture.type == "VP8 " && d.size() >= 10) {
    // A key frame: three bytes of tag, three of start code, then 14 bits each of width and height.
    width = (byte_at(d, 6) | byte_at(d, 7) << 8U) & 0x3fffU;
    height = (byte_at(d, 8) | byte_at(d, 9) << 8U) & 0x3fffU;
  } else if (picture.type == "VP8L" && d.size() >= 5) {
    // A signature byte, then 14 bits of width - 1, 14 bits of height - 1, and whether there is alpha.
    const std::uint32_t bits = byte_at(d, 1) | byte_at(d, 2) << 8U | byte_at(d, 3) << 16U |
                               static_cast<std::uint32_t>(byte_at(d, 4)) << 24U;
    width = (bits & 0x3fffU) + 1;
    height = (bits >> 14U & 0x3fffU) + 1;
    alpha = (bits >> 28U & 1U) != 0;
  }
  if (width == 0 || height == 0) damaged(name, "it is no WebP picture that XMP can be put into");
  std::string out;
  out += static_cast<char>(alpha ? kWebpHasAlpha : 0);
  append_little_endian(out, 0, 3);
  append_little_endian(out, width - 1, 3);
  append_little_endian(out, height - 1, 3);
  return out;
}

}  // namespace

std::string read_png_xmp(Bytes file, const std::string& name) {
  for (const Chunk& chunk : png_chunks(file, name)) {
    if (!is_png_xmp(chunk)) continue;
    std::string_view rest = chunk.data.substr(kPngKeyword.size());
    if (rest.size() < 2) damaged(name, "its XMP chunk is damaged");
    const bool compressed = rest[0] != 0;
    rest.remove_prefix(2);
    for (int field = 0; field < 2; ++field) {  // language, translated keyword
      const std::size_t end = rest.find('\0');
      if (end == std::string_view::npos) damaged(name, "its XMP chunk is damaged");
      rest.remove_prefix(end + 1);
    }
    return compressed ? inflated(rest, name) : std::string(rest);
  }
  return {};
}

std::string replace_png_xmp(Bytes file, std::string_view packet, const std::string& name) {
  const std::vector<Chunk> chunks = png_chunks(file, name);
  if (chunks.front().type != "IHDR") damaged(name, "it does not begin as a PNG has to");
  std::string data(kPngKeyword);
  data.append(4, '\0');  // not compressed, method 0, no language, no translated keyword
  data.append(packet);
  std::string out(text_of(file.first(kPngSignature)));
  for (const Chunk& chunk : chunks) {
    if (is_png_xmp(chunk)) continue;
    out.append(chunk.whole);
    if (chunk.type == "IHDR") out += png_chunk("iTXt", data);
  }
  return out;
}

std::string read_webp_xmp(Bytes file, const std::string& name) {
  for (const Chunk& chunk : webp_chunks(file, name)) {
    if (chunk.type == "XMP ") return std::string(chunk.data);
  }
  return {};
}

std::string replace_webp_xmp(Bytes file, std::string_view packet, const std::string& name) {
  const std::vector<Chunk> chunks = webp_chunks(file, name);
  const bool extended = chunks.front().type == "VP8X";
  std::string header = extended ? std::string(chunks.front().data) : webp_extension(chunks.front(), name);
  if (header.size() < 10) damaged(name, "its WebP header is damaged");
  header[0] = static_cast<char>(byte_at(header, 0) | kWebpHasXmp);
  std::string out("WEBP");
  append_riff_chunk(out, "VP8X", header);
  for (const Chunk& chunk : chunks) {
    if (chunk.type == "VP8X" || chunk.type == "XMP ") continue;
    out.append(chunk.whole);
    if (chunk.whole.size() % 2 != 0) out += '\0';
  }
  append_riff_chunk(out, "XMP ", packet);
  std::string riff("RIFF");
  append_little_endian(riff, static_cast<std::uint32_t>(out.size()));
  return riff + out;
}

}  // namespace resnet
