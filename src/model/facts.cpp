#include "model/facts.hpp"

#include "model/file_view.hpp"

#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr int kDeepestJson = 16;
constexpr std::size_t kMostJsonValues = 2'000'000;

[[noreturn]] void refuse(const std::string& name, const std::string& key, const std::string& wanted) {
  throw Error(ErrorCode::bad_format, fmt::format("{}: \"{}\" must be {}", name, key, wanted));
}

// 0.485f as 0.485 rather than as the double 0.48500001430511475; it reads back as the same float.
double shortest(float value) {
  return std::strtod(fmt::format("{}", value).c_str(), nullptr);
}

template <class Floats>
OrderedJson floats_to_json(const Floats& values) {
  OrderedJson array = OrderedJson::array();
  for (const float value : values) array.push_back(shortest(value));
  return array;
}

float float_from(const Json& value, const std::string& name, const std::string& key) {
  if (!value.is_number()) refuse(name, key, "numbers");
  return static_cast<float>(value.get<double>());
}

int side_from(const Json& value, const std::string& name, const std::string& key) {
  constexpr std::int64_t kMost = 1 << 14;
  if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > kMost) {
    refuse(name, key, fmt::format("whole numbers from 1 to {}", kMost));
  }
  return value.get<int>();
}

OrderedJson size_to_json(Size size) {
  if (size.height == size.width) return size.height;
  return OrderedJson::array({size.height, size.width});
}

Size pair_from(const Json& value, const std::string& name, const std::string& key) {
  if (value.size() != 2) refuse(name, key, "one number or [height, width]");
  return {side_from(value[0], name, key), side_from(value[1], name, key)};
}

std::array<float, 3> channels_from(const Json& object, const char* key, const std::string& name) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array() || it->size() != 3) refuse(name, key, "three numbers");
  std::array<float, 3> values{};
  for (std::size_t i = 0; i < 3; ++i) values[i] = float_from((*it)[i], name, key);
  return values;
}

OrderedJson preprocess_to_json(const Preprocess& p) {
  OrderedJson json;
  // A short side is one number, an exact size always two.
  json["resize"] = p.resize_mode == ResizeMode::short_side
                       ? OrderedJson(p.resize.height)
                       : OrderedJson::array({p.resize.height, p.resize.width});
  json["center_crop"] = p.center_crop ? size_to_json(*p.center_crop) : OrderedJson(nullptr);
  json["mean"] = floats_to_json(p.mean);
  json["std"] = floats_to_json(p.std);
  if (p.interpolation == Interpolation::bicubic) json["interpolation"] = "bicubic";
  return json;
}

Preprocess preprocess_from_json(const Json& json, const std::string& name) {
  if (!json.is_object()) refuse(name, "preprocess", "an object");
  Preprocess p;
  const auto resize = json.find("resize");
  if (resize == json.end()) refuse(name, "resize", "one number or [height, width]");
  if (resize->is_array()) {
    p.resize_mode = ResizeMode::exact;
    p.resize = pair_from(*resize, name, "resize");
  } else {
    const int side = side_from(*resize, name, "resize");
    p.resize = {side, side};
  }
  const auto crop = json.find("center_crop");
  if (crop == json.end()) refuse(name, "center_crop", "one number, [height, width] or null");
  if (crop->is_null()) {
    p.center_crop.reset();
  } else if (crop->is_array()) {
    p.center_crop = pair_from(*crop, name, "center_crop");
  } else {
    const int side = side_from(*crop, name, "center_crop");
    p.center_crop = Size{side, side};
  }
  p.mean = channels_from(json, "mean", name);
  p.std = channels_from(json, "std", name);
  if (const auto it = json.find("interpolation"); it != json.end()) {
    if (*it == "bicubic") {
      p.interpolation = Interpolation::bicubic;
    } else if (*it != "bilinear") {
      refuse(name, "interpolation", "\"bilinear\" or \"bicubic\"");
    }
  }
  return p;
}

Head head_from_json(const Json& json, const std::string& name) {
  Head head;
  const auto kind = json.is_object() ? json.find("kind") : json.end();
  if (!json.is_object() || kind == json.end()) refuse(name, "head", "an object with a \"kind\"");
  if (*kind == "sigmoid") {
    head.kind = HeadKind::sigmoid;
  } else if (*kind != "softmax") {
    refuse(name, "kind", "\"softmax\" or \"sigmoid\"");
  }
  if (const auto it = json.find("thresholds"); it != json.end()) {
    if (!it->is_array()) refuse(name, "thresholds", "a list of numbers");
    for (const Json& value : *it) head.thresholds.push_back(float_from(value, name, "thresholds"));
  }
  return head;
}

OrderedJson quantization_to_json(const Quantization& quantization) {
  return {{"weight_bits", quantization.weight_bits}, {"keep", quantization.keep}};
}

Quantization quantization_from_json(const Json& json, const std::string& name) {
  const auto bits = json.is_object() ? json.find("weight_bits") : json.end();
  const auto keep = json.is_object() ? json.find("keep") : json.end();
  if (!json.is_object() || bits == json.end() || keep == json.end())
    refuse(name, "quant", "an object with \"weight_bits\" and \"keep\"");
  if (*bits != 8 && *bits != 4 && *bits != 2) refuse(name, "weight_bits", "8, 4 or 2");
  if (!keep->is_array()) refuse(name, "keep", "a list of strings");
  Quantization quantization{.weight_bits = bits->get<int>()};
  for (const Json& part : *keep) {
    if (!part.is_string()) refuse(name, "keep", "a list of strings");
    quantization.keep.push_back(part.get<std::string>());
  }
  return quantization;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name) {
  if (text.size() > kMostJsonBytes) {
    throw Error(ErrorCode::too_large,
                fmt::format("{}: {} bytes of JSON; at most {} are read", name, text.size(), kMostJsonBytes));
  }
  std::vector<std::set<std::string>> keys(1);  // of the objects that are open
  std::size_t values = 0;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepestJson) throw Error(ErrorCode::bad_format, name + ": the JSON is nested too deeply");
    if (++values > kMostJsonValues)
      throw Error(ErrorCode::too_large, name + ": the JSON has too many values");
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        throw Error(ErrorCode::bad_format,
                    fmt::format("{}: the key \"{}\" occurs twice", name, printable(key)));
      }
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& e) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: no valid JSON: {}", name, printable(e.what())));
  }
}

Facts facts_from_json(const Json& object, const std::string& name) {
  if (!object.is_object()) throw Error(ErrorCode::bad_format, name + ": the JSON is not an object");
  Facts facts;
  if (const auto it = object.find("model"); it != object.end()) {
    if (!it->is_string()) refuse(name, "model", "\"resnet18\", \"resnet34\" or \"resnet50\"");
    facts.model = it->get<std::string>();
  }
  if (const auto it = object.find("precision"); it != object.end()) {
    if (*it != "int8" && *it != "fp32") refuse(name, "precision", "\"fp32\" or \"int8\"");
    facts.precision = *it == "int8" ? Precision::int8 : Precision::fp32;
  }
  if (const auto it = object.find("quant"); it != object.end() && !it->is_null())
    facts.quantization = quantization_from_json(*it, name);
  if (const auto it = object.find("preprocess"); it != object.end()) {
    facts.preprocess = preprocess_from_json(*it, name);
  }
  if (const auto it = object.find("head"); it != object.end()) facts.head = head_from_json(*it, name);
  if (const auto it = object.find("labels"); it != object.end()) {
    if (!it->is_array()) refuse(name, "labels", "a list of strings");
    for (const Json& label : *it) {
      if (!label.is_string()) refuse(name, "labels", "a list of strings");
      facts.labels.push_back(label.get<std::string>());
    }
  }
  return facts;
}

Facts parse_facts(std::string_view text, const std::string& name) {
  return facts_from_json(parse_json(text, name), name);
}

OrderedJson facts_to_json(const Model& model) {
  OrderedJson json;
  json["model"] = model.architecture.name();
  if (model.precision != Precision::fp32) json["precision"] = std::string(to_string(model.precision));
  if (model.precision == Precision::int8) json["quant"] = quantization_to_json(model.quantization);
  json["preprocess"] = preprocess_to_json(model.preprocess);
  json["head"]["kind"] = model.head.kind == HeadKind::softmax ? "softmax" : "sigmoid";
  if (!model.head.thresholds.empty()) json["head"]["thresholds"] = floats_to_json(model.head.thresholds);
  json["labels"] = OrderedJson::array();
  for (std::size_t i = 0; i < model.labels.size(); ++i) {
    try {
      static_cast<void>(OrderedJson(model.labels[i]).dump());
    } catch (const OrderedJson::exception&) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("label {} (\"{}\") is not UTF-8", i, printable(model.labels[i])));
    }
    json["labels"].push_back(model.labels[i]);
  }
  return json;
}

std::string dump(const OrderedJson& json, int indent) {
  return json.dump(indent);
}

}  // namespace resnet::formats
