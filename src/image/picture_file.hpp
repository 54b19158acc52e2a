// Reading a picture's file into memory, safely.
#pragma once

#include "image/decoders.hpp"

#include <filesystem>
#include <vector>

namespace resnet::image {

// The bytes of a regular file. Never blocks (a FIFO is refused, not opened for waiting) and reads no
// more than the first bytes of a file that is no picture. Throws not_found, io, bad_format (empty, or
// not a picture), unsupported, too_large (longer than any picture of max_pixels can need).
std::vector<std::byte> read_picture_file(const std::filesystem::path& path, std::int64_t max_pixels);

}  // namespace resnet::image
