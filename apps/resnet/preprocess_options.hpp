// Options of `export` that set what a .pth does not carry: preprocessing and head.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <resnet/model.hpp>

namespace resnet::cli {

struct PreprocessArguments {
  std::string resize;         // "256" or "HxW"; empty: the model's own, likewise below
  std::string crop;           // "224", "HxW" or "none"
  std::string interpolation;  // "bilinear" or "bicubic"
  std::vector<float> mean;    // three numbers
  std::vector<float> std;
  std::string head;      // "softmax" or "sigmoid"
  float threshold = -1;  // one for all classes of a sigmoid head
};
void add_preprocess_options(CLI::App& command, PreprocessArguments& args);

// Puts what was given into `model`. Throws UsageError for values that make no sense.
void apply(const PreprocessArguments& args, Model& model);

}  // namespace resnet::cli
