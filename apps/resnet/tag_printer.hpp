// Tags on standard output: text, JSON lines or CSV.
#pragma once

#include "json_output.hpp"
#include "pipeline/photo_pipeline.hpp"
#include "tag_options.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/predictions.hpp>

namespace resnet::cli {

class TagPrinter {
 public:
  TagPrinter(const Model& model, const TagArguments& args);  // prints CSV's header line

  void print(const std::filesystem::path& path, Size picture, std::span<const Prediction> tags,
             const PhotoTimes& times);
  void print_failure(const std::filesystem::path& path, const Error& error);

 private:
  void print_text(const std::filesystem::path& path, std::span<const Prediction> tags);
  void print_csv(const std::filesystem::path& path, std::span<const Prediction> tags);

  const std::vector<std::string>& labels_;
  bool json_;
  bool csv_;
  std::size_t path_width_ = 0;  // of the text's first column: it grows with the longest path so far
};

}  // namespace resnet::cli
