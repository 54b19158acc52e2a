// COCO's annotation files are read as a stream: of hundreds of megabytes of outlines only the ids
// and boxes are kept, so memory is bounded by the number of pictures and boxes.
#include "core/counted.hpp"
#include "core/mapped_file.hpp"
#include "eval/dataset.hpp"
#include "eval/dataset_files.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

struct CocoImage {
  std::int64_t id;
  std::string file_name;
  Size size;
};

struct CocoBox {
  std::int64_t image;
  std::int64_t category;
  std::array<float, 4> place;  // left, top, width, height; all 0 where there is none
};

// Takes the events of a JSON parser and keeps what matters of images, categories and annotations.
// Depth 1 is the file's object, 2 one of its arrays, 3 an entry of one, 4 the numbers of its bbox; anything
// else that deep is passed over.
class CocoHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  CocoHandler(std::string name, Crowd crowd) : name_(std::move(name)), crowd_(crowd) {}

  std::vector<CocoImage> images;
  std::map<std::int64_t, std::string> categories;  // by id
  std::vector<CocoBox> boxes;

  bool null() override { return true; }
  bool boolean(bool value) override { return number_integer(value ? 1 : 0); }
  bool number_integer(number_integer_t value) override {
    take_coordinate(static_cast<double>(value));
    if (depth_ == 3) take(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    take_coordinate(static_cast<double>(value));
    if (depth_ == 3) {
      if (value > static_cast<number_unsigned_t>(INT64_MAX))
        fail(fmt::format("the id {} is too large", value));
      take(static_cast<std::int64_t>(value));
    }
    return true;
  }
  // Some tools write ids as 17.0.
  bool number_float(number_float_t value, const string_t&) override {
    take_coordinate(value);
    const bool whole =
        value > -9e15 && value < 9e15 && value == static_cast<double>(static_cast<std::int64_t>(value));
    if (depth_ == 3 && whole) take(static_cast<std::int64_t>(value));
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ == 3 && (key_ == "file_name" || key_ == "name")) entry_.text = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 3) entry_ = {};
    return true;
  }
  bool end_object() override {
    if (depth_ == 3) finish_entry();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) fail("is a list, not COCO's object of images, annotations and categories");
    ++depth_;
    if (depth_ == 2) section_ = key_;
    return true;
  }
  bool end_array() override {
    if (depth_ == 2) section_.clear();
    --depth_;
    return true;
  }
  bool key(string_t& value) override {
    if (depth_ == 1 || depth_ == 3) key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(fmt::format("is no valid JSON at byte {}", position));
  }

 private:
  struct Entry {
    std::optional<std::int64_t> id, image, category;
    std::int64_t crowd = 0, width = 0, height = 0;
    std::array<float, 4> box{};
    std::size_t coordinates = 0;
    std::optional<std::string> text;
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::bad_format, fmt::format("{}: {}", name_, what));
  }

  void take(std::int64_t value) {
    if (key_ == "id") entry_.id = value;
    if (key_ == "image_id") entry_.image = value;
    if (key_ == "category_id") entry_.category = value;
    if (key_ == "iscrowd") entry_.crowd = value;
    if (key_ == "width") entry_.width = value;
    if (key_ == "height") entry_.height = value;
  }

  void take_coordinate(double value) {
    if (depth_ != 4 || key_ != "bbox" || section_ != "annotations") return;
    if (entry_.coordinates < 4) entry_.box[entry_.coordinates] = static_cast<float>(value);
    ++entry_.coordinates;
  }

  void finish_entry() {
    if (section_ == "images") {
      if (!entry_.id || !entry_.text) fail("an image without id and file_name");
      const auto side = [](std::int64_t value) {
        return static_cast<int>(std::clamp<std::int64_t>(value, 0, INT_MAX));
      };
      images.push_back({*entry_.id, std::move(*entry_.text), {side(entry_.height), side(entry_.width)}});
    } else if (section_ == "categories") {
      if (!entry_.id || !entry_.text) fail("a category without id and name");
      if (!categories.emplace(*entry_.id, std::move(*entry_.text)).second) {
        fail(fmt::format("the category id {} is given twice", *entry_.id));
      }
    } else if (section_ == "annotations") {
      if (!entry_.image || !entry_.category) fail("an annotation without image_id and category_id");
      if (entry_.crowd != 0 && crowd_ == Crowd::ignore) return;
      if (entry_.coordinates != 0 && entry_.coordinates != 4) {
        fail(fmt::format("a bbox of {} numbers, where left, top, width and height are needed",
                         entry_.coordinates));
      }
      boxes.push_back({*entry_.image, *entry_.category, entry_.box});
    }
  }

  std::string name_;
  Crowd crowd_;
  int depth_ = 0;
  std::string key_, section_;
  Entry entry_;
};

// Class index of every category id: by name where the model's labels are the categories' names, else
// by ascending id, which is how COCO's 80 classes are numbered everywhere.
std::unordered_map<std::int64_t, int> map_categories(const std::map<std::int64_t, std::string>& categories,
                                                     const DatasetOptions& options, const std::string& name) {
  if (options.classes != 0 && static_cast<int>(categories.size()) != options.classes) {
    throw Error(ErrorCode::shape_mismatch, fmt::format("{}: has {}, the model {}", name,
                                                       counted(categories.size(), "category", "categories"),
                                                       counted(options.classes, "class", "classes")));
  }
  std::unordered_map<std::string, int> by_name;
  for (std::size_t i = 0; i < options.labels.size(); ++i)
    by_name.emplace(options.labels[i], static_cast<int>(i));
  std::unordered_set<int> named;
  for (const auto& [id, category] : categories) {
    if (const auto at = by_name.find(category); at != by_name.end()) named.insert(at->second);
  }
  const bool use_names = named.size() == categories.size();
  std::unordered_map<std::int64_t, int> result;
  for (const auto& [id, category] : categories) {
    const int next = static_cast<int>(result.size());
    result.emplace(id, use_names ? by_name.at(category) : next);
  }
  return result;
}

}  // namespace

Dataset read_coco(const fs::path& annotations, const fs::path& directory, const DatasetOptions& options) {
  const auto file = MappedFile::open(annotations);
  const std::string name = annotations.string();
  CocoHandler coco(name, options.crowd);
  const auto* text = reinterpret_cast<const char*>(file->bytes().data());
  nlohmann::json::sax_parse(text, text + file->bytes().size(), &coco);
  if (coco.images.empty() || coco.categories.empty()) {
    throw Error(ErrorCode::bad_format,
                name + ": has no images or no categories: is it COCO's instances_*.json?");
  }
  const auto class_of = map_categories(coco.categories, options, name);

  Dataset dataset;
  dataset.targets = Targets::multi_label;
  dataset.classes = static_cast<int>(coco.categories.size());
  if (options.classes == 0) {
    for (const auto& [id, category] : coco.categories) dataset.class_names.push_back(category);
  }
  dataset.label_sets.resize(coco.images.size());
  dataset.boxes.resize(coco.images.size());
  std::unordered_map<std::int64_t, std::size_t> row_of;
  std::unordered_set<std::string> files;
  for (const CocoImage& image : coco.images) {
    if (!row_of.emplace(image.id, dataset.images.size()).second) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: the image id {} is given twice", name, image.id));
    }
    dataset.images.push_back(picture_path(directory, image.file_name, name));
    dataset.sizes.push_back(image.size);
    if (!files.insert(dataset.images.back().lexically_normal().string()).second) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: '{}' is listed twice", name, image.file_name));
    }
  }
  for (const CocoBox& box : coco.boxes) {
    const auto row = row_of.find(box.image);
    const auto index = class_of.find(box.category);
    if (row == row_of.end() || index == class_of.end()) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: an annotation names the unknown {} {}", name,
                                                     row == row_of.end() ? "image" : "category",
                                                     row == row_of.end() ? box.image : box.category));
    }
    dataset.label_sets[row->second].push_back(index->second);
    const auto& [left, top, width, height] = box.place;
    dataset.boxes[row->second].push_back({index->second, left, top, width, height});
  }
  for (std::vector<int>& set : dataset.label_sets) {
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
  }
  return dataset;
}

}  // namespace resnet::eval
