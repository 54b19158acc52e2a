// A model's facts as text and JSON, for `info`, `export` and `quantize`.
#pragma once

#include "json_output.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

#include <resnet/model.hpp>

namespace resnet::cli {

// Bytes of a model file, or of all files of a manifest directory.
std::uintmax_t stored_bytes(const std::filesystem::path& path);

// The network's input for a square photo.
Size network_input(const Preprocess& preprocess);

// "int8 (4-bit weights; conv1, fc in fp32)"
std::string precision_text(const Model& model);

// "shorter side to 256 (bilinear), centre crop 224 x 224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
std::string preprocess_text(const Preprocess& preprocess);

// {"resize": 256 | [H, W], "center_crop": 224 | [H, W] | null, "interpolation": "bilinear", "mean": […],
// "std": […]}
Json preprocess_json(const Preprocess& preprocess);

}  // namespace resnet::cli
