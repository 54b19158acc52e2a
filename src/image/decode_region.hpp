// Decoding a part of a picture that is chosen when its size is known.
#pragma once

#include "image/decoders.hpp"

#include <filesystem>

namespace resnet::image {

// Called once, with the size from the file's header (after turning, where that is asked for); gives the
// rectangle, in that picture, that is wanted. Empty: all of it.
using RegionWanted = std::function<Region(Size picture)>;

// At least what is wanted, with the bits of decode_image and its errors. Only a baseline JPEG saves work; of
// other formats, and of progressive JPEGs, the whole picture comes back.
ImageWindow decode_region(Bytes bytes, const std::string& name, const RegionWanted& wanted,
                          const DecodeOptions& options = {});
ImageWindow load_region(const std::filesystem::path& path, const RegionWanted& wanted,
                        const DecodeOptions& options = {});

}  // namespace resnet::image
