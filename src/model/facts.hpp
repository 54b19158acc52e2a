// Labels, head, precision and preprocessing as JSON: the same keys in every format, so that a model answers
// alike whichever file it came from.
//
//   "model"       "resnet18" | "resnet34" | "resnet50"
//   "precision"   "int8" (absent: fp32)
//   "quant"       of int8: {"weight_bits": 8 | 4 | 2, "keep": [the parts in fp32, "conv1", "layer4.1", …]}
//   "preprocess"  {"resize": 256 (short side) or [H, W], "center_crop": 224, [H, W] or null (none),
//                  "mean": [r, g, b], "std": [r, g, b], "interpolation": "bicubic" (absent: bilinear)}
//   "head"        {"kind": "softmax" | "sigmoid", "thresholds": [one a class] (absent: 0.5 for all)}
//   "labels"      ["tench", …], one a class
#pragma once

#include "model/raw_model.hpp"

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <resnet/model.hpp>

namespace resnet::formats {

// JSON from a file of unknown origin: refuses duplicate keys, deep nesting and texts over kMostJsonBytes.
// `name` appears in messages. Throws Error: bad_format, too_large.
inline constexpr std::size_t kMostJsonBytes = std::size_t{16} << 20;
nlohmann::json parse_json(std::string_view text, const std::string& name);

// `object` may have other keys besides. Throws Error{bad_format} naming the key whose value is wrong.
Facts facts_from_json(const nlohmann::json& object, const std::string& name);
Facts parse_facts(std::string_view text, const std::string& name);

// All that the model has. Throws Error{invalid_argument} where a label is not UTF-8.
nlohmann::ordered_json facts_to_json(const Model& model);

// As text, `indent` spaces a level (-1: one line). The strings in `json` have come through facts_to_json.
std::string dump(const nlohmann::ordered_json& json, int indent);

}  // namespace resnet::formats
