// Single-label sets given as a table or as a folder a class.
#include "core/mapped_file.hpp"
#include "eval/csv.hpp"
#include "eval/dataset.hpp"
#include "eval/dataset_files.hpp"
#include "eval/synsets.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/image.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<int> class_by_label(std::string_view label, const std::vector<std::string>& labels) {
  const auto at = std::find(labels.begin(), labels.end(), label);
  if (at == labels.end()) return std::nullopt;
  return static_cast<int>(at - labels.begin());
}

// Which column holds what; -1 where there is none.
struct Columns {
  int file = -1, index = -1, wordnet_id = -1;
};

int find_column(const CsvRow& header, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
      if (lower(header.fields[i]) == name) return static_cast<int>(i);
    }
  }
  return -1;
}

Columns find_columns(const CsvRow& first, const std::string& name) {
  Columns columns{find_column(first, {"file", "path", "filename", "file_name", "image"}),
                  find_column(first, {"label_index", "class_index", "index", "label", "class"}),
                  find_column(first, {"wnid", "synset", "wordnet_id"})};
  if (columns.file < 0 || (columns.index < 0 && columns.wordnet_id < 0)) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: the first line must name the columns: file, and label_index or wnid", name));
  }
  return columns;
}

// The class that a row gives. The index must agree with the WordNet id where there are both and the
// model has ImageNet's classes: another numbering of the classes would give plausible wrong figures.
int class_of_row(const CsvRow& row, const Columns& columns, const DatasetOptions& options,
                 const std::string& where) {
  std::optional<int> by_id, index;
  if (columns.wordnet_id >= 0 && options.classes == kImageNetClasses) {
    const std::string& id = row.fields[static_cast<std::size_t>(columns.wordnet_id)];
    by_id = class_of_wordnet_id(id);
    if (!by_id)
      throw Error(ErrorCode::bad_format, fmt::format("{}: '{}' is not a class of ImageNet-1k", where, id));
  }
  if (columns.index >= 0) {
    const std::string& text = row.fields[static_cast<std::size_t>(columns.index)];
    index = parse_int(text);
    if (!index) index = class_by_label(text, options.labels);
    if (!index) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: '{}' is neither a class index nor a label of the model", where, text));
    }
    if (by_id && *by_id != *index) {
      throw Error(
          ErrorCode::bad_format,
          fmt::format("{}: class {} is not {} (which is {}): the table numbers the classes in another order",
                      where, *index, wordnet_id_of_class(*by_id), *by_id));
    }
  } else {
    index = by_id;
  }
  if (!index)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: WordNet ids need a model of 1000 classes", where));
  if (*index < 0 || *index >= options.classes) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: class {} is not one of the model's 0…{}", where,
                                                       *index, options.classes - 1));
  }
  return *index;
}

constexpr int kMostClasses = 1'000'000;  // more are no classes but the numbers of something else

// Which classes a table has of its own, where there is no model to ask: numbers count from 0, names are
// numbered in their order. WordNet ids without an index beside them are names.
DatasetOptions classes_of_table(const std::vector<CsvRow>& rows, Columns& columns, DatasetOptions options,
                                const std::string& name) {
  if (columns.index < 0) columns.index = std::exchange(columns.wordnet_id, -1);
  std::set<std::string> names;
  int largest = -1;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const auto column = static_cast<std::size_t>(columns.index);
    if (column >= rows[r].fields.size()) continue;  // is reported with its line when it is read
    const std::optional<int> index = parse_int(rows[r].fields[column]);
    if (index) largest = std::max(largest, *index);
    if (!index) names.insert(rows[r].fields[column]);
  }
  if (!names.empty() && largest >= 0) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: some classes are numbers and some are names ('{}')", name, *names.begin()));
  }
  if (largest >= kMostClasses) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: the class {} is too large: classes are numbered from 0", name, largest));
  }
  options.labels.assign(names.begin(), names.end());
  for (int i = 0; i <= largest; ++i) options.labels.push_back(std::to_string(i));
  options.classes = static_cast<int>(options.labels.size());
  return options;
}

}  // namespace

Dataset read_imagenet_csv(const fs::path& csv, const fs::path& directory, const DatasetOptions& read_for) {
  const auto file = MappedFile::open(csv);
  const std::string name = csv.string();
  const std::vector<CsvRow> rows =
      parse_csv({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, name);
  if (rows.empty()) throw Error(ErrorCode::bad_format, name + ": is empty");
  Columns columns = find_columns(rows.front(), name);
  const bool own_classes = read_for.classes == 0;
  const DatasetOptions options = own_classes ? classes_of_table(rows, columns, read_for, name) : read_for;

  Dataset dataset;
  dataset.classes = options.classes;
  if (own_classes) dataset.class_names = options.labels;
  std::unordered_set<std::string> seen;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const CsvRow& row = rows[r];
    const std::string where = fmt::format("{}: line {}", name, row.line);
    if (row.fields.size() != rows.front().fields.size()) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: {} fields where the first line has {}", where,
                                                     row.fields.size(), rows.front().fields.size()));
    }
    const std::string& picture = row.fields[static_cast<std::size_t>(columns.file)];
    fs::path path = picture_path(directory, picture, where);
    if (!seen.insert(path.lexically_normal().string()).second) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: '{}' is listed twice", where, picture));
    }
    dataset.labels.push_back(class_of_row(row, columns, options, where));
    dataset.images.push_back(std::move(path));
  }
  return dataset;
}

Dataset read_class_folders(const fs::path& directory, const DatasetOptions& read_for) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : entries_of(directory)) {
    std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.insert(std::move(name));
  }
  DatasetOptions options = read_for;
  if (read_for.classes == 0) {
    options.classes = static_cast<int>(names.size());
    options.labels.assign(names.begin(), names.end());
  }
  std::map<int, fs::path> folders;  // by class, so that the order of pictures is fixed
  for (const std::string& name : names) {
    std::optional<int> index = class_by_label(name, options.labels);
    if (!index && options.classes == kImageNetClasses) index = class_of_wordnet_id(name);
    if (!index) {
      throw Error(
          ErrorCode::shape_mismatch,
          fmt::format("{}: the folder '{}' is neither a label of the model nor, for a model of 1000 classes, "
                      "a WordNet id of ImageNet-1k",
                      directory.string(), name));
    }
    if (!folders.emplace(*index, directory / name).second) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: '{}' and '{}' are the same class", directory.string(),
                              folders[*index].filename().string(), name));
    }
  }
  Dataset dataset;
  dataset.classes = options.classes;
  if (read_for.classes == 0) dataset.class_names = options.labels;
  for (const auto& [index, folder] : folders) {
    std::set<fs::path> pictures;
    for (const fs::directory_entry& entry : entries_of(folder)) {
      if (!entry.is_directory() && has_image_extension(entry.path())) pictures.insert(entry.path());
    }
    dataset.images.insert(dataset.images.end(), pictures.begin(), pictures.end());
    dataset.labels.insert(dataset.labels.end(), pictures.size(), index);
  }
  return dataset;
}

}  // namespace resnet::eval
