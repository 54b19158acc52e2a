// Whether two files hold the same picture, whatever their metadata.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace resnet {

enum class PictureFormat { jpeg, png, tiff, webp, other };

// By the first bytes.
PictureFormat picture_format(std::span<const std::byte> bytes);

// JPEG: every segment but APP1 (EXIF, XMP) and APP13 (IPTC), all compressed data and what follows it are
// equal, byte for byte. PNG: every chunk but text and EXIF. WebP: every chunk but XMP, EXIF and the flags
// that announce them. TIFF: the decoded pixels. Throws Error{truncated} where one cannot be walked through.
bool same_picture(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace resnet
