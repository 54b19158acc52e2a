// ILSVRC 2012's validation pictures in one folder, with the ground truth in a file of its own.
#include "core/mapped_file.hpp"
#include "eval/dataset.hpp"
#include "eval/dataset_files.hpp"
#include "eval/synsets.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTruth = "ILSVRC2012_validation_ground_truth.txt";
constexpr const char* kDevkit = "ILSVRC2012_devkit_t12";

// What the lines of a ground-truth file are.
//   490                                ILSVRC's own number, 1…1000: needs the development kit's order
//   n01751748                          a WordNet id
//   ILSVRC2012_val_00000001.JPEG 65    file and class index 0…999
struct Truth {
  std::vector<int> classes;                      // of picture 1, 2, …
  std::unordered_map<std::string, int> by_name;  // of the third form
};

fs::path find_truth(const fs::path& directory) {
  const fs::path parent = fs::absolute(directory).lexically_normal().parent_path();
  const fs::path beside = directory.has_filename() ? parent : parent.parent_path();
  for (const fs::path& base : {directory, beside}) {
    for (const fs::path& candidate :
         {base / kTruth, base / "data" / kTruth, base / kDevkit / "data" / kTruth}) {
      if (fs::is_regular_file(candidate)) return candidate;
    }
  }
  throw Error(ErrorCode::not_found,
              fmt::format("{}: no {} in it, beside it or in {}; give imagenet:TRUTH.txt,DIR",
                          directory.string(), kTruth, kDevkit));
}

// The class order of ILSVRC's numbers: what the user named, else the files beside the ground truth.
std::vector<int> find_order(const fs::path& truth, const fs::path& devkit) {
  if (!devkit.empty()) return read_ilsvrc_order(devkit);
  const fs::path folder = truth.has_parent_path() ? truth.parent_path() : fs::path(".");
  for (const fs::path& base : {folder, folder / kDevkit, folder.parent_path() / kDevkit}) {
    for (const char* name : {"meta.mat", "data/meta.mat", "map_clsloc.txt", "data/map_clsloc.txt"}) {
      if (fs::is_regular_file(base / name)) return read_ilsvrc_order(base / name);
    }
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format(
          "{}: numbers the classes in ILSVRC's own order (1 is not tench), which only the development "
          "kit defines; unpack {}.tar.gz beside the file, or name its folder with --devkit",
          truth.string(), kDevkit));
}

int parse_class(const std::string& word, int low, int high, const std::string& where) {
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < low || value > high) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: '{}' is not a class number {}…{}", where, word, low, high));
  }
  return value;
}

Truth read_truth(const fs::path& path, const fs::path& devkit) {
  const auto file = MappedFile::open(path);
  std::istringstream in(
      std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()));
  Truth truth;
  std::vector<int> order;
  int line_number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string where = fmt::format("{}: line {}", path.string(), ++line_number);
    std::istringstream words(line);
    std::string first, second;
    if (!(words >> first)) continue;
    if (words >> second) {
      const int index = parse_class(second, 0, kImageNetClasses - 1, where);
      if (!truth.by_name.emplace(first, index).second) {
        throw Error(ErrorCode::bad_format, fmt::format("{}: '{}' is listed twice", where, first));
      }
    } else if (const std::optional<int> index = class_of_wordnet_id(first)) {
      truth.classes.push_back(*index);
    } else {
      const int number = parse_class(first, 1, kImageNetClasses, where);
      if (order.empty()) order = find_order(path, devkit);
      truth.classes.push_back(order[static_cast<std::size_t>(number) - 1]);
    }
  }
  if (truth.classes.empty() == truth.by_name.empty()) {
    throw Error(ErrorCode::bad_format,
                path.string() + ": is empty, or mixes lines with and without file names");
  }
  return truth;
}

}  // namespace

int flat_validation_number(const fs::path& path) {
  const std::string name = path.filename().string();
  int number = 0, length = 0;
  if (std::sscanf(name.c_str(), "ILSVRC2012_val_%8d%n", &number, &length) != 1 || number < 1) return 0;
  const std::string rest = name.substr(static_cast<std::size_t>(length));
  return length == 23 && (rest == ".JPEG" || rest == ".jpeg" || rest == ".jpg" || rest == ".JPG") ? number
                                                                                                  : 0;
}

Dataset read_imagenet_flat(const fs::path& truth_file, const fs::path& directory,
                           const DatasetOptions& options) {
  if (options.classes != 0 && options.classes != kImageNetClasses) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("ImageNet's validation set has 1000 classes, the model {}", options.classes));
  }
  const fs::path truth_path = truth_file.empty() ? find_truth(directory) : truth_file;
  const Truth truth = read_truth(truth_path, options.devkit);
  std::map<int, fs::path> pictures;  // by number
  for (const fs::directory_entry& entry : entries_of(directory)) {
    const int number = flat_validation_number(entry.path());
    if (number > 0 && !pictures.emplace(number, entry.path()).second) {
      throw Error(ErrorCode::bad_format,
                  fmt::format("{}: picture {} is there twice", directory.string(), number));
    }
  }
  Dataset dataset;
  dataset.classes = kImageNetClasses;
  if (options.classes == 0) {
    for (int i = 0; i < kImageNetClasses; ++i) dataset.class_names.push_back(wordnet_id_of_class(i));
  }
  for (const auto& [number, path] : pictures) {
    const auto named = truth.by_name.find(path.filename().string());
    if (truth.by_name.empty() ? number > static_cast<int>(truth.classes.size())
                              : named == truth.by_name.end()) {
      throw Error(ErrorCode::not_found,
                  fmt::format("{}: has no line for {}", truth_path.string(), path.filename().string()));
    }
    dataset.labels.push_back(truth.by_name.empty() ? truth.classes[static_cast<std::size_t>(number) - 1]
                                                   : named->second);
    dataset.images.push_back(path);
  }
  return dataset;
}

}  // namespace resnet::eval
