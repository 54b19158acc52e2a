// Checks and conversions that the picture functions of resnet.h share.
#pragma once

#include <cstddef>
#include <cstdint>

#include <resnet/image.hpp>
#include <resnet/resnet.h>

namespace resnet::capi {

// Throws Error{invalid_argument} where a side is below 1.
void check_picture_size(int32_t width, int32_t height);

// Throws Error{shape_mismatch} where the caller's buffer `name` has not exactly `needed` elements.
void check_count(const char* name, std::size_t given, std::size_t needed);

// Throws Error{invalid_argument} where a pointer is null, a side below 1, or the stride shorter than a row.
Image copy_rgb(const uint8_t* rgb, int32_t width, int32_t height, std::size_t stride);

// Null gives the defaults. Throws Error{invalid_argument} for a struct of impossible size or a negative
// limit.
DecodeOptions decode_options(const resnet_decode_options* options);

}  // namespace resnet::capi
