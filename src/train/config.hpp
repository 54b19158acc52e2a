// What a training run does: everything that a configuration file can say, with its default. The one list of
// keys with their meaning is visit_config() in config_keys.hpp.
#pragma once

#include "train/data/augment.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <resnet/preprocess.hpp>

namespace resnet::train {

struct ModelConfig {
  std::string network = "resnet50";
  std::string start;
  bool adapt_batchnorm = false;
};

struct DataConfig {
  std::string train;
  std::string validation;
  std::string validation_list;
  int validation_count = 0;
  std::string exclude_list;
  std::string crowd = "positive";
  int workers = 0;
  int prefetch = 4;
  double cache_gb = 0;
};

struct PreprocessConfig {
  std::vector<int> resize{256};
  int crop = 224;
  std::string interpolation = "bilinear";
  std::array<double, 3> mean{0.485, 0.456, 0.406};
  std::array<double, 3> std{0.229, 0.224, 0.225};
};

struct TrainConfig {
  int epochs = 30;
  int batch = 64;
  int micro_batches = 1;
  std::string device = "auto";
  std::string precision = "fp32";
  bool channels_last = true;
  std::int64_t seed = 0;
  int threads = 0;
  std::string optimizer = "adamw";
  double lr = 3e-4;
  double backbone_lr_scale = 1;
  double weight_decay = 1e-2;
  double momentum = 0.9;
  bool nesterov = true;
  std::array<double, 2> betas{0.9, 0.999};
  std::string schedule = "one_cycle";
  double warmup_epochs = -1;
  double final_lr_scale = 0;
  double clip_gradient = 0;
  int freeze_batchnorm_epoch = -1;
  bool sync_batchnorm = false;
};

struct EmaConfig {
  double decay = 0;
};

struct LossConfig {
  std::string kind = "auto";
  double focal_gamma = 2;
  double focal_alpha = 0.25;
  double asl_gamma_positive = 0;
  double asl_gamma_negative = 4;
  double asl_clip = 0.05;
  double label_smoothing = 0;
};

struct DistillConfig {
  std::string teacher;
  double weight = 0.5;
  double positions = 0;
  double temperature = 1;
};

struct QuantConfig {
  bool enabled = false;
  int weight_bits = 8;
  int activation_bits = 8;
  bool per_channel = true;
  std::vector<std::string> exclude;
};

struct OutputConfig {
  std::string directory = ".";
  std::string name;
  int log_every = 20;
  int keep_checkpoints = 2;
  int histograms_every = 1;
  int images = 8;
  std::string thresholds = "per_class";
};

struct Config {
  ModelConfig model;
  DataConfig data;
  AugmentOptions augment;
  PreprocessConfig preprocess;
  TrainConfig train;
  EmaConfig ema;
  LossConfig loss;
  DistillConfig distill;
  QuantConfig quant;
  OutputConfig output;
};

// The configuration of a YAML file (an empty path: the defaults) with `overrides`, each "section.key=value"
// with the value in YAML, applied in order. Throws Error: not_found, io, bad_format (no YAML, with its line),
// invalid_argument (an unknown key, with the nearest there is; a value of another type or outside its range).
Config read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

// As YAML that read_config takes: all keys, with `comments` each with what it means.
std::string to_yaml(const Config& config, bool comments);

// {"train.lr", "0.0003"}, … all keys in order, for logs.
std::vector<std::pair<std::string, std::string>> to_pairs(const Config& config);

// What the exported file says of pictures.
Preprocess preprocess_of(const PreprocessConfig& config);

// "resnet50_fp32", "resnet18_qat", or output.name: what folders of the run are called.
std::string run_name(const Config& config);

}  // namespace resnet::train
