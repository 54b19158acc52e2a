// A web page of thumbnails with their tags: one file, no network, light and dark, phone and desktop.
//
// Photos are written to disk as they come, so that the page can be larger than memory. The file takes its
// name when finish() is called; until then, and after any failure, what was there before stays.
#pragma once

#include "core/atomic_file.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <resnet/error.hpp>

namespace resnet {

struct SheetTag {
  std::string_view label;
  float score;  // 0-1
};

struct SheetPhoto {
  const std::filesystem::path& path;
  int width;
  int height;
  std::string_view thumbnail;  // JPEG; may be empty
  std::span<const SheetTag> tags;
};

class ContactSheet {
 public:
  // `note` is a line under the title: model, date. Throws Error{io}.
  ContactSheet(const std::filesystem::path& page, const std::string& title, const std::string& note);

  // All three throw Error{io}; the page is then lost and must not be used further.
  void add(const SheetPhoto& photo);
  void add_failure(const std::filesystem::path& path, const Error& error);
  // `remark`, where not empty, is shown at the end: why the sheet is not complete.
  void finish(const std::string& remark);

 private:
  std::filesystem::path directory_;
  AtomicFile file_;
  std::size_t photos_ = 0;
  std::vector<std::pair<std::string, std::string>> failures_;  // path, message; both escaped
};

}  // namespace resnet
