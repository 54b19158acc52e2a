#include "model/labels.hpp"

#include "core/choices.hpp"
#include "core/counted.hpp"
#include "model/file_view.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

// The data files open with their source and licence. Plain pointers: a thousand std::string constructions in
// one initialiser take a compiler half a minute.
constexpr const char* kImagenetLabels[] = {
#include "model/data/imagenet_labels.inc"
};
constexpr const char* kCocoLabels[] = {
#include "model/data/coco_labels.inc"
};
constexpr std::pair<const char*, const char*> kKoreanLabels[] = {
#include "model/data/coco_labels_ko.inc"
};

}  // namespace

const std::vector<std::string>& imagenet_labels() {
  static const std::vector<std::string> labels(std::begin(kImagenetLabels), std::end(kImagenetLabels));
  return labels;
}

const std::vector<std::string>& coco_labels() {
  static const std::vector<std::string> labels(std::begin(kCocoLabels), std::end(kCocoLabels));
  return labels;
}

std::vector<std::string> default_labels(int classes) {
  for (const auto* known : {&imagenet_labels(), &coco_labels()}) {
    if (static_cast<int>(known->size()) == classes) return *known;
  }
  std::vector<std::string> labels;
  for (int i = 0; i < classes; ++i) labels.push_back(fmt::format("class {}", i));
  return labels;
}

std::string_view to_string(Language language) noexcept {
  return language == Language::ko ? "ko" : "en";
}

Language parse_language(std::string_view name) {
  constexpr std::array kLanguages{Language::en, Language::ko};
  return parse_choice("language", name, kLanguages);
}

std::vector<std::string> translate_labels(std::vector<std::string> labels, Language language) {
  if (language == Language::en) return labels;
  static const std::map<std::string_view, std::string_view> korean(std::begin(kKoreanLabels),
                                                                   std::end(kKoreanLabels));
  for (std::string& label : labels) {
    if (const auto found = korean.find(label); found != korean.end()) label = found->second;
  }
  return labels;
}

std::vector<std::string> read_labels(const std::filesystem::path& path, int classes) {
  const formats::FileView file = formats::map_file(path);
  std::string_view rest = formats::as_text(file.bytes);
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());

  std::vector<std::string> labels;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    labels.emplace_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (const auto blank = std::find(labels.begin(), labels.end(), ""); blank != labels.end()) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: line {} is empty; a line is a label, in the order of the classes",
                            path.string(), blank - labels.begin() + 1));
  }
  if (classes != 0 && static_cast<int>(labels.size()) != classes) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: {} for {}", path.string(), counted(labels.size(), "label"),
                            counted(classes, "class", "classes")));
  }
  return labels;
}

}  // namespace resnet
