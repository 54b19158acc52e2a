// Small JPEGs of pictures.
#pragma once

#include <string>

#include <resnet/image.hpp>

namespace resnet {

// `image` scaled so that its longer side is at most `longest` pixels (never enlarged), as a baseline JPEG
// of the given quality (1-100). Throws Error{invalid_argument} for an empty image, Error{out_of_memory}.
std::string make_thumbnail(const Image& image, int longest = 320, int quality = 78);

}  // namespace resnet
