#include "eval/dataset.hpp"

#include "eval/dataset_files.hpp"
#include "eval/name_list.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* kForms =
    "csv:LABELS.csv,DIR, folders:DIR, imagenet:DIR, imagenet:TRUTH.txt,DIR or coco:ANN.json,DIR";

struct Parts {
  fs::path file;  // empty where only a folder was given
  fs::path directory;
};

// Splits "FILE,DIR" or takes all as DIR. A path may itself hold commas: the split that gives an
// existing file and folder wins, and without one the first comma does.
Parts split(std::string_view text) {
  const auto part = [](std::string_view s) { return fs::path(std::string(s)); };
  if (fs::is_directory(part(text)) || text.find(',') == std::string_view::npos) return {{}, part(text)};
  for (std::size_t comma = text.find(','); comma != std::string_view::npos;
       comma = text.find(',', comma + 1)) {
    const Parts parts{part(text.substr(0, comma)), part(text.substr(comma + 1))};
    if (fs::is_regular_file(parts.file) && fs::is_directory(parts.directory)) return parts;
  }
  const std::size_t comma = text.find(',');
  return {part(text.substr(0, comma)), part(text.substr(comma + 1))};
}

void require_directory(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) {
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder of pictures", directory.string()));
  }
  if (!fs::is_directory(directory, ignored)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: is not a folder; give {}", directory.string(), kForms));
  }
}

Dataset read_imagenet(const Parts& parts, const DatasetOptions& options) {
  if (!parts.file.empty()) {
    return parts.file.extension() == ".txt" ? read_imagenet_flat(parts.file, parts.directory, options)
                                            : read_imagenet_csv(parts.file, parts.directory, options);
  }
  bool folders = false;
  for (const fs::directory_entry& entry : entries_of(parts.directory)) {
    if (flat_validation_number(entry.path()) > 0) return read_imagenet_flat({}, parts.directory, options);
    folders = folders || entry.is_directory();
  }
  if (!folders) {
    throw Error(
        ErrorCode::bad_format,
        fmt::format("{}: holds neither class folders (n01440764/…) nor ILSVRC2012_val_*.JPEG; for a list of "
                    "files give imagenet:LABELS.csv,DIR",
                    parts.directory.string()));
  }
  return read_class_folders(parts.directory, options);
}

}  // namespace

Dataset read_dataset(std::string_view spec, const DatasetOptions& options) {
  const std::size_t colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  constexpr std::array kKinds{"imagenet", "csv", "folders", "coco"};
  if (colon == std::string_view::npos || std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is no data set: give {}", spec, kForms));
  }
  Parts parts = split(spec.substr(colon + 1));
  if (kind == "folders") parts = {{}, fs::path(std::string(spec.substr(colon + 1)))};
  if (parts.directory.empty()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("'{}' names no folder: give {}", spec, kForms));
  }
  if ((kind == "coco" || kind == "csv") && parts.file.empty()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("'{}': give {}", spec, kind == "coco" ? "coco:ANN.json,DIR" : "csv:LABELS.csv,DIR"));
  }
  require_directory(parts.directory);
  Dataset dataset = kind == "coco"      ? read_coco(parts.file, parts.directory, options)
                    : kind == "csv"     ? read_imagenet_csv(parts.file, parts.directory, options)
                    : kind == "folders" ? read_class_folders(parts.directory, options)
                                        : read_imagenet(parts, options);
  dataset.directory = parts.directory;
  if (!options.only.empty()) keep_listed(dataset, read_name_list(options.only));
  if (dataset.size() == 0) throw Error(ErrorCode::bad_format, fmt::format("'{}' has no pictures", spec));
  return dataset;
}

std::vector<std::uint8_t> target_matrix(const Dataset& dataset) {
  const auto classes = static_cast<std::size_t>(dataset.classes);
  std::vector<std::uint8_t> matrix(dataset.size() * classes, 0);
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    if (dataset.targets == Targets::single_label) {
      matrix[i * classes + static_cast<std::size_t>(dataset.labels[i])] = 1;
    } else {
      for (const int c : dataset.label_sets[i]) matrix[i * classes + static_cast<std::size_t>(c)] = 1;
    }
  }
  return matrix;
}

void require_pictures(const Dataset& dataset) {
  std::error_code reason;
  for (const fs::path& image : dataset.images) {
    std::error_code error;
    if (fs::exists(image, error)) return;
    if (&image == &dataset.images.front()) reason = error;
  }
  if (dataset.images.empty()) return;
  throw Error(ErrorCode::not_found,
              fmt::format("{}: {}; none of the data set's pictures is there ({}): is the folder right?",
                          dataset.images.front().string(),
                          reason ? reason.message() : std::string("no such picture"), dataset.size()));
}

void truncate(Dataset& dataset, std::size_t count) {
  if (count >= dataset.size()) return;
  dataset.images.resize(count);
  if (!dataset.labels.empty()) dataset.labels.resize(count);
  if (!dataset.label_sets.empty()) dataset.label_sets.resize(count);
  if (!dataset.boxes.empty()) dataset.boxes.resize(count);
  if (!dataset.sizes.empty()) dataset.sizes.resize(count);
}

std::vector<fs::directory_entry> entries_of(const fs::path& directory) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator next(directory, error), end; !error && next != end; next.increment(error)) {
    entries.push_back(*next);
  }
  if (error) {
    throw Error(ErrorCode::io,
                fmt::format("{}: the folder cannot be read: {}", directory.string(), error.message()));
  }
  return entries;
}

fs::path picture_path(const fs::path& directory, const std::string& name, const std::string& where) {
  const fs::path relative(name);
  const bool leaves =
      relative.is_absolute() || std::find(relative.begin(), relative.end(), fs::path("..")) != relative.end();
  if (name.empty() || name.find('\0') != std::string::npos) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: a picture without a file name", where));
  }
  if (leaves) {
    throw Error(ErrorCode::unsafe,
                fmt::format("{}: '{}' lies outside the folder of pictures; names must be relative to it",
                            where, name));
  }
  return directory / relative;
}

}  // namespace resnet::eval
