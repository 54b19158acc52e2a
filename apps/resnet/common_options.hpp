// Options that several subcommands share, declared once: a struct for the values, a function that adds the
// options. The library calls that act on them are in open_model.hpp.
#pragma once

#include "validators.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <resnet/image.hpp>

namespace resnet::cli {

// --verbose, --quiet, for every subcommand. They take effect while the line is parsed.
void add_general_options(CLI::App& command);

// --model, --labels. `help` says what --model means to the command.
struct ModelArguments {
  std::string model;   // file, folder or name
  std::string labels;  // file with a label a line; empty: the model's own
};
void add_model_options(CLI::App& command, ModelArguments& args, bool required = true);
void add_labels_option(CLI::App& command, ModelArguments& args);

// --device, --gpu-memory, --backend, --precision, --threads, --isa, --plan.
struct ComputeArguments {
  std::string device = "auto";
  std::string gpu_memory;  // as parse_memory_size() reads it; empty: no limit
  std::string backend;
  std::string precision;  // empty: the model's own
  int threads = 0;
  std::string isa;
  std::string plan = "latency";
};
void add_compute_options(CLI::App& command, ComputeArguments& args);

// PATH…, -r, --images-from: which photos.
struct PhotoArguments {
  std::vector<std::string> paths;
  bool recursive = false;
  std::string images_from;  // file with a path a line, "-" for standard input
};
void add_photo_options(CLI::App& command, PhotoArguments& args);
// Throws UsageError where no photo is named.
void require_photos(const PhotoArguments& args);

// --exif, --max-pixels: how photos are decoded.
struct DecodeArguments {
  std::string exif;
  std::int64_t max_pixels = DecodeOptions{}.max_pixels;

  DecodeOptions options() const;
};
void add_decode_options(CLI::App& command, DecodeArguments& args, ExifOrientation default_orientation);

}  // namespace resnet::cli
