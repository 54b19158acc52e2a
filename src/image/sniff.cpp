#include "image/sniff.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace resnet::image {
namespace {

bool starts_with(Bytes bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

std::string lower_extension(const std::string& file_name) {
  std::string extension = std::filesystem::path(file_name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return extension;
}

constexpr std::string_view kDevelopRaw =
    "develop it to JPEG or TIFF first, or take its embedded JPEG preview";
constexpr std::string_view kConvert = "convert it to JPEG or PNG first";

struct Refused {
  std::size_t offset;
  std::string_view magic;
  std::string_view what;
  std::string_view remedy;
};

using namespace std::string_view_literals;
constexpr std::array kRefused{
    Refused{0, "GIF8"sv, "a GIF", kConvert},
    Refused{0, "\xff\x0a"sv, "a JPEG XL picture", kConvert},
    Refused{0, "\0\0\0\x0cJXL "sv, "a JPEG XL picture", kConvert},
    Refused{0, "\0\0\0\x0cjP  "sv, "a JPEG 2000 picture", kConvert},
    Refused{0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 codestream", kConvert},
    Refused{0, "8BPS"sv, "a Photoshop document", kConvert},
    Refused{0, "%PDF"sv, "a PDF", "export its pages as pictures first"},
    Refused{0, "<svg"sv, "an SVG drawing", "render it to PNG first"},
    Refused{0, "<?xml"sv, "an XML document (SVG?)", "render it to PNG first"},
    Refused{0, "\0\0\1\0"sv, "a Windows icon", kConvert},
    Refused{0, "v/1\1"sv, "an OpenEXR picture", kConvert},
    Refused{0, "II\xbc"sv, "a JPEG XR picture", kConvert},
    Refused{8, "CR\2"sv, "a camera RAW file (Canon CR2)", kDevelopRaw},
    Refused{4, "ftypcrx "sv, "a camera RAW file (Canon CR3)", kDevelopRaw},
    Refused{0, "FUJIFILMCCD-RAW"sv, "a camera RAW file (Fujifilm RAF)", kDevelopRaw},
    Refused{0, "IIRO"sv, "a camera RAW file (Olympus ORF)", kDevelopRaw},
    Refused{0, "IIRS"sv, "a camera RAW file (Olympus ORF)", kDevelopRaw},
    Refused{0, "MMOR"sv, "a camera RAW file (Olympus ORF)", kDevelopRaw},
    Refused{0, "IIU\0"sv, "a camera RAW file (Panasonic RW2)", kDevelopRaw},
    Refused{0, "FOVb"sv, "a camera RAW file (Sigma X3F)", kDevelopRaw},
    Refused{0, "\0MRM"sv, "a camera RAW file (Minolta MRW)", kDevelopRaw},
};

// RAW families that are TIFF files inside; the preview that a TIFF reader finds in them is not the photo.
constexpr std::array kRawExtensions{".3fr"sv, ".arw"sv, ".cr2"sv, ".dcr"sv, ".dng"sv, ".erf"sv,
                                    ".iiq"sv, ".kdc"sv, ".mef"sv, ".mos"sv, ".nef"sv, ".nrw"sv,
                                    ".pef"sv, ".rw2"sv, ".sr2"sv, ".srf"sv, ".srw"sv};

[[noreturn]] void refuse(const std::string& name, std::string_view what, std::string_view remedy) {
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: this is {}, which is not read; {}", name, what, remedy));
}

// ISO media files name a major brand and a list of compatible ones; HEIC and AVIF share the container.
bool has_brand(Bytes head, std::string_view brand) {
  const std::size_t box =
      std::min<std::size_t>(static_cast<std::size_t>(byte_at(head, 2)) << 8 | byte_at(head, 3), head.size());
  for (std::size_t at = 8; at + 4 <= box; at += at == 8 ? 8 : 4) {
    if (starts_with(head, at, brand)) return true;
  }
  return false;
}

Format sniff_iso_media(Bytes head, const std::string& name) {
  if (has_brand(head, "avif") || has_brand(head, "avis")) refuse(name, "an AVIF picture", kConvert);
  for (const std::string_view brand :
       {"heic"sv, "heix"sv, "hevc"sv, "hevx"sv, "heim"sv, "heis"sv, "mif1"sv, "msf1"sv}) {
    if (has_brand(head, brand)) return Format::heic;
  }
  refuse(name, "a video or another ISO media file", "give it a picture");
}

}  // namespace

Format sniff(Bytes head, const std::string& file_name) {
  if (starts_with(head, 0, "\xff\xd8\xff")) return Format::jpeg;
  if (starts_with(head, 0, "\x89PNG\r\n\x1a\n")) return Format::png;
  if (starts_with(head, 0, "RIFF") && starts_with(head, 8, "WEBP")) return Format::webp;
  for (const Refused& kind : kRefused) {
    if (starts_with(head, kind.offset, kind.magic)) refuse(file_name, kind.what, kind.remedy);
  }
  if (starts_with(head, 0, "BM") && head.size() >= 26 && byte_at(head, 15) == 0 && byte_at(head, 16) == 0) {
    refuse(file_name, "a BMP", kConvert);
  }
  if (starts_with(head, 4, "ftyp")) return sniff_iso_media(head, file_name);
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (!starts_with(head, 0, magic)) continue;
    const std::string extension = lower_extension(file_name);
    if (std::find(kRawExtensions.begin(), kRawExtensions.end(), extension) != kRawExtensions.end()) {
      refuse(file_name, fmt::format("a camera RAW file ({})", extension), kDevelopRaw);
    }
    return Format::tiff;
  }
  return Format::unknown;
}

}  // namespace resnet::image
