// The place of an XMP packet in PNG and WebP files: one chunk among others. JPEG and TIFF, where the
// packet is tied to EXIF and IPTC, are Exempi's; for these two its version 2.6 writes files that no
// reader takes (a shorter packet into a PNG, the first packet into a WebP).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace resnet {

// The packet; empty where there is none. `name` is for messages. Both throw Error{truncated, bad_format}.
std::string read_png_xmp(std::span<const std::byte> file, const std::string& name);
std::string read_webp_xmp(std::span<const std::byte> file, const std::string& name);

// The file's bytes with `packet` in the place of its own; every other chunk is copied as it is.
std::string replace_png_xmp(std::span<const std::byte> file, std::string_view packet,
                            const std::string& name);
std::string replace_webp_xmp(std::span<const std::byte> file, std::string_view packet,
                             const std::string& name);

}  // namespace resnet
