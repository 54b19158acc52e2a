// load_model, save_model, validate: what all formats have in common.
#include "core/counted.hpp"
#include "model/architecture_match.hpp"
#include "model/formats.hpp"
#include "model/labels.hpp"
#include "model/quantized_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using namespace formats;

// A network needs 32 pixels a side; beyond 2^14 a picture would not fit in memory.
constexpr int kSmallestSide = 32;
constexpr int kLargestSide = 1 << 14;

void validate_preprocess(const Preprocess& p, const std::string& name) {
  const auto side_ok = [](int side) { return side >= kSmallestSide && side <= kLargestSide; };
  const bool exact = p.resize_mode == ResizeMode::exact;
  if (!side_ok(p.resize.height) || (exact && !side_ok(p.resize.width)) ||
      (p.center_crop && (!side_ok(p.center_crop->height) || !side_ok(p.center_crop->width)))) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the preprocessing must resize and crop to {}..{} pixels a side", name,
                            kSmallestSide, kLargestSide));
  }
  for (std::size_t c = 0; c < 3; ++c) {
    if (!std::isfinite(p.mean[c]) || !std::isfinite(p.std[c]) || p.std[c] <= 0) {
      throw Error(ErrorCode::invalid_argument,
                  name + ": the preprocessing needs finite means and positive std");
    }
  }
}

void validate_answers(const Model& model, const std::string& name) {
  const auto classes = static_cast<std::size_t>(model.architecture.classes());
  if (model.labels.size() != classes) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: {} for {}", name, counted(model.labels.size(), "label"),
                            counted(classes, "class", "classes")));
  }
  const std::vector<float>& thresholds = model.head.thresholds;
  if (!thresholds.empty() && thresholds.size() != classes) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: {} for {}", name, counted(thresholds.size(), "threshold"),
                            counted(classes, "class", "classes")));
  }
  if (!std::all_of(thresholds.begin(), thresholds.end(), [](float t) { return t >= 0 && t <= 1; })) {
    throw Error(ErrorCode::invalid_argument, name + ": thresholds are probabilities, from 0 to 1");
  }
}

// The kind of a tensor, where the format states it.
void require_kind(const RawModel& raw, const TensorSpec& spec, const std::string& file) {
  const auto kind = raw.kinds.find(spec.name);
  if (kind == raw.kinds.end() || kind->second == spec.kind) return;
  throw Error(ErrorCode::bad_format, fmt::format("{}: tensor {} is of kind {}, not {}", file, spec.name,
                                                 to_string(spec.kind), to_string(kind->second)));
}

// A quantised model says what it is; its tensors must then be exactly those.
Model build_quantized(RawModel& raw, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: {}", file, what));
  };
  const auto fc = raw.tensors.find("fc.bias");
  if (!raw.facts.model || fc == raw.tensors.end() || fc->second.shape.rank() != 1) {
    refuse("a quantised model needs its name under \"model\" and a tensor fc.bias with one value a class");
  }
  int depth = 0;
  for (const int known : {18, 34, 50}) {
    if (*raw.facts.model == "resnet" + std::to_string(known)) depth = known;
  }
  constexpr std::int64_t kMostClasses = 1 << 20;
  const std::int64_t classes = fc->second.shape[0];
  if (depth == 0 || classes < 1 || classes > kMostClasses) {
    refuse(fmt::format("\"{}\" with {} classes is no network that is read", printable(*raw.facts.model),
                       classes));
  }
  Model model{.architecture = Architecture(depth, static_cast<int>(classes)),
              .precision = Precision::int8,
              .quantization = raw.facts.quantization.value_or(Quantization{})};
  check_quantization(model.quantization, model.architecture, file);
  const std::vector<TensorSpec> specs = quantized_tensors(model.architecture, model.quantization),
                                stored =
                                    stored_tensors(model.architecture, model.precision, model.quantization);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = stored[i];
    const auto it = raw.tensors.find(spec.name);
    if (it == raw.tensors.end()) {
      throw Error(ErrorCode::not_found,
                  fmt::format("{}: tensor {} {} is missing", file, spec.name, spec.shape.to_string()));
    }
    if (it->second.shape != spec.shape) {
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("{}: tensor {} has shape {}, expected {}{}", file, spec.name,
                              it->second.shape.to_string(), spec.shape.to_string(),
                              spec.dtype == DType::u8 ? fmt::format(": weights of {} bits, packed into bytes",
                                                                    model.quantization.weight_bits)
                                                      : ""));
    }
    require_kind(raw, spec, file);
    const Tensor tensor = to_dense(it->second, spec.dtype, fmt::format("{}: tensor {}", file, spec.name));
    model.tensors.emplace(spec.name, from_stored(tensor, specs[i]));
  }
  if (raw.tensors.size() != specs.size()) {
    for (const auto& [name, tensor] : raw.tensors) {
      if (!model.tensors.contains(name))
        refuse("tensor " + printable(name) + " belongs to no part of the network");
    }
  }
  check_quantized_values(model, file);
  return model;
}

Model build_float(RawModel& raw, const std::string& file) {
  NamedShapes shapes;
  for (const auto& [name, tensor] : raw.tensors) shapes.emplace(name, tensor.shape);
  const Architecture architecture = closest_architecture(shapes, file);
  if (raw.facts.model && *raw.facts.model != architecture.name()) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: says it is a {}, but its tensors make a {}", file,
                                                   printable(*raw.facts.model), architecture.name()));
  }
  require_exact_tensors(architecture, shapes, file);

  Model model{.architecture = architecture};
  for (const TensorSpec& spec : architecture.tensors()) {
    require_kind(raw, spec, file);
    const auto it = raw.tensors.find(spec.name);
    model.tensors.emplace(spec.name, to_dense_f32(it->second, fmt::format("{}: tensor {}", file, spec.name)));
  }
  return model;
}

Model build(RawModel&& raw, const std::string& file) {
  Model model = raw.facts.precision == Precision::int8 ? build_quantized(raw, file) : build_float(raw, file);
  if (raw.facts.preprocess) model.preprocess = *raw.facts.preprocess;
  if (raw.facts.head) model.head = std::move(*raw.facts.head);
  model.labels =
      raw.facts.labels.empty() ? default_labels(model.architecture.classes()) : std::move(raw.facts.labels);
  return model;
}

}  // namespace

const Tensor& Model::tensor(std::string_view name) const {
  const auto it = tensors.find(name);
  if (it == tensors.end()) {
    throw Error(ErrorCode::not_found, fmt::format("{} has no tensor named {}", architecture.name(), name));
  }
  return it->second;
}

Model load_model(const fs::path& path) {
  RawFile file = read_raw_model(path);
  Model model = build(std::move(file.raw), file.name);
  model.format = file.format;
  model.path = path;
  validate_preprocess(model.preprocess, file.name);
  validate_answers(model, file.name);
  return model;
}

void validate(const Model& model) {
  const std::string name = model.path.empty() ? "the model" : model.path.string();
  if (model.precision == Precision::int8) {
    check_quantization(model.quantization, model.architecture, name);
    const std::vector<TensorSpec> specs = quantized_tensors(model.architecture, model.quantization);
    for (const TensorSpec& spec : specs) {
      const Tensor& tensor = model.tensor(spec.name);
      if (tensor.empty() || tensor.dtype() != spec.dtype || tensor.shape() != spec.shape) {
        throw Error(ErrorCode::shape_mismatch, fmt::format("{}: tensor {} must be {} {}", name, spec.name,
                                                           to_string(spec.dtype), spec.shape.to_string()));
      }
    }
    if (model.tensors.size() != specs.size()) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: {} tensors, where {} in int8 has {}", name, model.tensors.size(),
                              model.architecture.name(), specs.size()));
    }
    check_quantized_values(model, name);
    validate_preprocess(model.preprocess, name);
    validate_answers(model, name);
    return;
  }
  NamedShapes shapes;
  for (const auto& [tensor_name, tensor] : model.tensors) {
    if (tensor.empty() || tensor.dtype() != DType::f32) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: tensor {} holds no fp32 values", name, tensor_name));
    }
    shapes.emplace(tensor_name, tensor.shape());
  }
  require_exact_tensors(model.architecture, shapes, name);
  validate_preprocess(model.preprocess, name);
  validate_answers(model, name);
}

ModelFormat parse_model_format(std::string_view name) {
  std::string choices;
  for (const Format& format : formats::formats()) {
    if (!format.id) continue;
    if (format.name == name) return *format.id;
    choices += fmt::format("{}{}", choices.empty() ? "" : ", ", format.name);
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("\"{}\" is not a format models are written in; choose from: {}", name, choices));
}

void save_model(const Model& model, const fs::path& path, ModelFormat format, const SaveObserver& observer) {
  validate(model);
  if (model.precision != Precision::fp32 && format == ModelFormat::pth) {
    throw Error(ErrorCode::unsupported,
                fmt::format("{}: a .pth holds no model in {}; write safetensors or manifest", path.string(),
                            to_string(model.precision)));
  }
  for (const Format& candidate : formats::formats()) {
    if (candidate.id == format) return candidate.write(model, path, observer);
  }
  throw Error(ErrorCode::invalid_argument, "no such model format");
}

}  // namespace resnet
