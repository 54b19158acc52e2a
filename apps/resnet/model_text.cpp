#include "model_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnet::cli {
namespace {

const char* interpolation_name(Interpolation interpolation) {
  return interpolation == Interpolation::bilinear ? "bilinear" : "bicubic";
}

Json size_json(Size size) {
  if (size.height == size.width) return size.height;
  return {size.height, size.width};
}

}  // namespace

std::uintmax_t stored_bytes(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const fs::path folder = path.filename() == "manifest.json" ? path.parent_path() : path;
  if (!fs::is_directory(folder)) return fs::file_size(path);
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

std::string precision_text(const Model& model) {
  std::string text(to_string(model.precision));
  if (model.precision != Precision::int8) return text;
  const Quantization& quantization = model.quantization;
  text += fmt::format(" ({}-bit weights", quantization.weight_bits);
  if (!quantization.keep.empty()) text += fmt::format("; {} in fp32", fmt::join(quantization.keep, ", "));
  return text + ")";
}

Size network_input(const Preprocess& preprocess) {
  return preprocessed_size(preprocess, {1000, 1000});
}

std::string preprocess_text(const Preprocess& preprocess) {
  std::string text;
  if (preprocess.resize_mode == ResizeMode::short_side) {
    text = fmt::format("shorter side to {}", preprocess.resize.height);
  } else {
    text = fmt::format("to {} x {}", preprocess.resize.height, preprocess.resize.width);
  }
  text += fmt::format(" ({})", interpolation_name(preprocess.interpolation));
  if (preprocess.center_crop) {
    text +=
        fmt::format(", centre crop {} x {}", preprocess.center_crop->height, preprocess.center_crop->width);
  }
  const auto& mean = preprocess.mean;
  const auto& std = preprocess.std;
  return text +
         fmt::format(", mean {} {} {}, std {} {} {}", mean[0], mean[1], mean[2], std[0], std[1], std[2]);
}

Json preprocess_json(const Preprocess& preprocess) {
  Json object;
  if (preprocess.resize_mode == ResizeMode::short_side) {
    object["resize"] = preprocess.resize.height;
  } else {
    object["resize"] = {preprocess.resize.height, preprocess.resize.width};
  }
  object["center_crop"] = preprocess.center_crop ? size_json(*preprocess.center_crop) : Json(nullptr);
  object["interpolation"] = interpolation_name(preprocess.interpolation);
  object["mean"] = Json::array();
  object["std"] = Json::array();
  for (const float value : preprocess.mean) object["mean"].push_back(shortest(value));
  for (const float value : preprocess.std) object["std"].push_back(shortest(value));
  return object;
}

}  // namespace resnet::cli
