#include "eval/name_list.hpp"

#include "core/mapped_file.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

template <class Row>
void keep_rows(std::vector<Row>& all, const std::vector<std::size_t>& rows) {
  if (all.empty()) return;  // what this kind of data set does not have
  std::vector<Row> kept;
  kept.reserve(rows.size());
  for (const std::size_t row : rows) kept.push_back(std::move(all[row]));
  all = std::move(kept);
}

}  // namespace

std::vector<std::string> read_name_list(const fs::path& path) {
  const auto file = MappedFile::open(path);
  std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view name = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.empty() || name.front() == '#') continue;
    if (!seen.emplace(name).second) {
      throw Error(ErrorCode::bad_format, fmt::format("{}: '{}' is listed twice", path.string(), name));
    }
    names.emplace_back(name);
  }
  return names;
}

std::string picture_name(const fs::path& picture, const fs::path& directory) {
  return picture.lexically_normal().lexically_relative(directory.lexically_normal()).generic_string();
}

void keep_listed(Dataset& dataset, const std::vector<std::string>& names) {
  std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    if (wanted.erase(picture_name(dataset.images[i], dataset.directory)) > 0) rows.push_back(i);
  }
  if (!wanted.empty()) {
    const auto first = std::find_if(names.begin(), names.end(),
                                    [&](const std::string& name) { return wanted.contains(name); });
    throw Error(
        ErrorCode::not_found,
        fmt::format(
            "'{}' is listed but not in the data set ({} of the {} listed pictures are not): does the list "
            "belong to it?",
            *first, wanted.size(), names.size()));
  }
  keep_rows(dataset.images, rows);
  keep_rows(dataset.labels, rows);
  keep_rows(dataset.label_sets, rows);
  keep_rows(dataset.boxes, rows);
  keep_rows(dataset.sizes, rows);
}

}  // namespace resnet::eval
