#include "train/config.hpp"

#include "train/config_keys.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  return *std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return distance(name, a) < distance(name, b);
  });
}

std::vector<std::string> known_keys() {
  std::vector<std::string> keys;
  const Config config;
  visit_config(config, [&](const char* section, const char* key, const auto&, const char*) {
    keys.push_back(fmt::format("{}.{}", section, key));
  });
  return keys;
}

// Conversions of a value. YAML says of each whether it is of the type; what is not is refused by its key.

template <class T>
struct TypeName;
template <>
struct TypeName<bool> {
  static constexpr const char* value = "true or false";
};
template <>
struct TypeName<std::string> {
  static constexpr const char* value = "a text";
};
template <class T>
requires std::integral<T>
struct TypeName<T> {
  static constexpr const char* value = "a whole number";
};
template <>
struct TypeName<double> {
  static constexpr const char* value = "a number";
};

template <class T>
void read(const YAML::Node& node, const std::string& key, T& value) {
  try {
    if (!node.IsScalar()) throw YAML::Exception(node.Mark(), "not a scalar");
    value = node.as<T>();
  } catch (const YAML::Exception&) {
    refuse(fmt::format("{}: '{}' is not {}", key, YAML::Dump(node), TypeName<T>::value));
  }
  if constexpr (std::is_same_v<T, double>) {
    if (!std::isfinite(value)) refuse(fmt::format("{}: '{}' is no finite number", key, YAML::Dump(node)));
  }
}

void read(const YAML::Node& node, const std::string& key, std::string& value) {
  if (node.IsNull()) {
    value.clear();
    return;
  }
  if (!node.IsScalar()) refuse(fmt::format("{}: '{}' is not a text", key, YAML::Dump(node)));
  value = node.Scalar();
}

template <class T>
void read(const YAML::Node& node, const std::string& key, std::vector<T>& values) {
  values.clear();
  if (node.IsNull()) return;
  if (node.IsScalar()) {
    read(node, key, values.emplace_back());
    return;
  }
  if (!node.IsSequence()) refuse(key + ": a list is needed, [a, b, ...]");
  for (const YAML::Node& item : node) read(item, key, values.emplace_back());
}

template <std::size_t Count>
void read(const YAML::Node& node, const std::string& key, std::array<double, Count>& values) {
  std::vector<double> list;
  read(node, key, list);
  if (list.size() != Count) refuse(fmt::format("{}: needs {} numbers, not {}", key, Count, list.size()));
  std::copy(list.begin(), list.end(), values.begin());
}

void read(const YAML::Node& node, const std::string& key, Range& range) {
  std::array<double, 2> ends{};
  read(node, key, ends);
  range = {ends[0], ends[1]};
}

std::string write(bool value) {
  return value ? "true" : "false";
}
std::string write(int value) {
  return std::to_string(value);
}
std::string write(std::int64_t value) {
  return std::to_string(value);
}
std::string write(double value) {
  return fmt::format("{}", value);
}
std::string write(const std::string& value) {
  YAML::Emitter emitter;
  emitter << value;
  return value.empty() ? "\"\"" : emitter.c_str();
}
template <class T>
std::string write_list(const T& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(write(value));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}
template <class T>
std::string write(const std::vector<T>& values) {
  return write_list(values);
}
template <std::size_t Count>
std::string write(const std::array<double, Count>& values) {
  return write_list(values);
}
std::string write(const Range& range) {
  return fmt::format("[{}, {}]", range.from, range.to);
}

void assign(Config& config, const std::string& name, const YAML::Node& node) {
  bool found = false;
  visit_config(config, [&](const char* section, const char* key, auto& value, const char*) {
    if (found || fmt::format("{}.{}", section, key) != name) return;
    read(node, name, value);
    found = true;
  });
  if (!found) {
    refuse(fmt::format("there is no key {}; did you mean {}?", name, nearest(name, known_keys())));
  }
}

YAML::Node parse(const std::string& text, const std::string& name) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& e) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: line {}: {}", name, e.mark.is_null() ? 0 : e.mark.line + 1, e.msg));
  }
}

void read_file(const std::filesystem::path& path, Config& config) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ErrorCode::not_found, path.string() + ": no such configuration, or it cannot be read");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const YAML::Node root = parse(text, path.string());
  if (root.IsNull()) return;
  if (!root.IsMap()) {
    throw Error(ErrorCode::bad_format, path.string() + ": sections with keys are needed (train: {lr: 0.1})");
  }
  for (const auto& section : root) {
    const std::string name = section.first.Scalar();
    if (section.second.IsNull()) continue;
    if (!section.second.IsMap()) assign(config, name, section.second);  // names the nearest key
    for (const auto& entry : section.second) {
      assign(config, fmt::format("{}.{}", name, entry.first.Scalar()), entry.second);
    }
  }
}

void require_one_of(const char* key, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  refuse(fmt::format("{}: '{}' is none of {}", key, value, fmt::join(choices, ", ")));
}

void require_range(const char* key, double value, double least, double most) {
  if (value >= least && value <= most) return;
  refuse(most < HUGE_VAL ? fmt::format("{}: {} is not between {} and {}", key, value, least, most)
                         : fmt::format("{}: {} is less than {}", key, value, least));
}

void check(const Config& c) {
  require_one_of("model.network", c.model.network, {"resnet18", "resnet34", "resnet50"});
  require_one_of("data.crowd", c.data.crowd, {"positive", "ignore"});
  require_range("data.validation_count", c.data.validation_count, 0, HUGE_VAL);
  require_range("data.workers", c.data.workers, 0, 1024);
  require_range("data.prefetch", c.data.prefetch, 1, 1024);
  require_range("data.cache_gb", c.data.cache_gb, 0, 1e6);
  check_options(c.augment);
  require_one_of("preprocess.interpolation", c.preprocess.interpolation, {"bilinear", "bicubic"});
  require_range("train.epochs", c.train.epochs, 1, HUGE_VAL);
  require_range("train.batch", c.train.batch, 1, HUGE_VAL);
  require_range("train.micro_batches", c.train.micro_batches, 1, HUGE_VAL);
  require_one_of("train.precision", c.train.precision, {"fp32", "bf16", "fp16"});
  require_range("train.threads", c.train.threads, 0, 4096);
  require_one_of("train.optimizer", c.train.optimizer, {"sgd", "adamw"});
  require_range("train.lr", c.train.lr, 0, HUGE_VAL);
  require_range("train.backbone_lr_scale", c.train.backbone_lr_scale, 0, HUGE_VAL);
  require_range("train.weight_decay", c.train.weight_decay, 0, HUGE_VAL);
  require_range("train.momentum", c.train.momentum, 0, 1);
  for (const double beta : c.train.betas) require_range("train.betas", beta, 0, 1 - 1e-9);
  require_one_of("train.schedule", c.train.schedule, {"cosine", "one_cycle", "constant"});
  require_range("train.warmup_epochs", c.train.warmup_epochs, -1, c.train.epochs);
  require_range("train.final_lr_scale", c.train.final_lr_scale, 0, 1);
  require_range("train.clip_gradient", c.train.clip_gradient, 0, HUGE_VAL);
  require_range("ema.decay", c.ema.decay, 0, 1 - 1e-9);
  require_one_of("loss.kind", c.loss.kind, {"auto", "bce", "focal", "asl", "cross_entropy"});
  require_range("loss.focal_gamma", c.loss.focal_gamma, 0, HUGE_VAL);
  require_range("loss.focal_alpha", c.loss.focal_alpha, 0, 1);
  require_range("loss.asl_gamma_positive", c.loss.asl_gamma_positive, 0, HUGE_VAL);
  require_range("loss.asl_gamma_negative", c.loss.asl_gamma_negative, 0, HUGE_VAL);
  for (const double gamma : {c.loss.focal_gamma, c.loss.asl_gamma_positive, c.loss.asl_gamma_negative}) {
    // Between 0 and 1 the gradient has a pole where the probability is 0.
    if (gamma > 0 && gamma < 1) refuse(fmt::format("loss: a gamma of {}; give 0, or 1 and more", gamma));
  }
  require_range("loss.asl_clip", c.loss.asl_clip, 0, 0.999);
  require_range("loss.label_smoothing", c.loss.label_smoothing, 0, 0.999);
  require_range("distill.weight", c.distill.weight, 0, 1);
  require_range("distill.positions", c.distill.positions, 0, HUGE_VAL);
  if (c.quant.enabled && (c.distill.positions > 0 || c.model.adapt_batchnorm)) {
    refuse("quant.enabled: distill.positions and model.adapt_batchnorm are for networks in fp32");
  }
  require_range("distill.temperature", c.distill.temperature, 1e-3, HUGE_VAL);
  require_range("output.log_every", c.output.log_every, 1, HUGE_VAL);
  require_range("output.keep_checkpoints", c.output.keep_checkpoints, 0, HUGE_VAL);
  require_range("output.histograms_every", c.output.histograms_every, 0, HUGE_VAL);
  require_range("output.images", c.output.images, 0, 1000);
  require_one_of("output.thresholds", c.output.thresholds, {"per_class", "one", "none"});
  preprocess_of(c.preprocess);
}

}  // namespace

Config read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Config config;
  if (!path.empty()) read_file(path, config);
  for (const std::string& text : overrides) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) refuse(fmt::format("'{}' is not of the form section.key=value", text));
    assign(config, text.substr(0, equals), parse(text.substr(equals + 1), text));
  }
  config.augment.interpolation = preprocess_of(config.preprocess).interpolation;
  check(config);
  return config;
}

std::string to_yaml(const Config& config, bool comments) {
  std::string text, open;
  visit_config(config, [&](const char* section, const char* key, const auto& value, const char* meaning) {
    if (open != section) {
      text += fmt::format("{}{}:\n", open.empty() ? "" : "\n", section);
      open = section;
    }
    if (comments) text += fmt::format("  # {}\n", meaning);
    text += fmt::format("  {}: {}\n", key, write(value));
  });
  return text;
}

std::vector<std::pair<std::string, std::string>> to_pairs(const Config& config) {
  std::vector<std::pair<std::string, std::string>> pairs;
  visit_config(config, [&](const char* section, const char* key, const auto& value, const char*) {
    pairs.emplace_back(fmt::format("{}.{}", section, key), write(value));
  });
  return pairs;
}

Preprocess preprocess_of(const PreprocessConfig& config) {
  Preprocess p;
  if (config.resize.empty() || config.resize.size() > 2) {
    refuse("preprocess.resize: give the short side, or [height, width]");
  }
  p.resize_mode = config.resize.size() == 1 ? ResizeMode::short_side : ResizeMode::exact;
  p.resize = {config.resize.front(), config.resize.back()};
  p.center_crop.reset();
  if (config.crop > 0) p.center_crop = Size{config.crop, config.crop};
  if (config.crop < 0) refuse("preprocess.crop: a side in pixels, or 0 for none");
  const bool square = p.resize_mode == ResizeMode::exact && p.resize.height == p.resize.width;
  if (!p.center_crop && !square) {
    refuse("preprocess: pictures must all get one square size: give preprocess.crop, or resize: [S, S]");
  }
  p.interpolation = config.interpolation == "bicubic" ? Interpolation::bicubic : Interpolation::bilinear;
  for (std::size_t i = 0; i < 3; ++i) {
    p.mean[i] = static_cast<float>(config.mean[i]);
    p.std[i] = static_cast<float>(config.std[i]);
    if (p.std[i] <= 0) refuse("preprocess.std: must be positive");
  }
  return p;
}

std::string run_name(const Config& config) {
  if (!config.output.name.empty()) return config.output.name;
  return config.model.network + (config.quant.enabled ? "_qat" : "_fp32");
}

}  // namespace resnet::train
