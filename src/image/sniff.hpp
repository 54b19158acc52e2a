// What a file is, told by its first bytes.
#pragma once

#include "image/decoders.hpp"

namespace resnet::image {

enum class Format { jpeg, png, webp, tiff, heic, unknown };

// How many leading bytes tell a format apart.
inline constexpr std::size_t kSniffBytes = 64;

// Throws unsupported for a kind that is recognised but not read here, naming it and what to do.
// `file_name` helps with camera RAW files, most of which call themselves TIFF.
Format sniff(Bytes head, const std::string& file_name);

}  // namespace resnet::image
