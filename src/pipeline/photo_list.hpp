// Paths given by a user → photos, one at a time, so that work on a folder of a hundred thousand
// pictures starts as soon as its first directory has been read.
//
// A path given by name is always tried, whatever it is called. In a folder only files with the ending
// of a format that this build reads count, and names that begin with a dot (".thumbnails", the "._x.jpg"
// twins that macOS leaves on memory cards) are passed over. Order: a directory's files by name (bytes),
// then its subdirectories by name, real ones before symbolic links. A directory that is reached twice,
// through a link or a loop of links, is listed once per path given.
#pragma once

#include "pipeline/photo_item.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace resnet {

struct PhotoListOptions {
  bool recursive = false;  // a folder's subfolders too
  // A file that names more paths, one a line (or NUL-separated, as `find -print0` writes), "-" for
  // standard input; empty for none. They are treated as if given by name, after `paths`.
  std::filesystem::path images_from{};
  // Which files of a folder are photos; empty: has_image_extension().
  std::function<bool(const std::filesystem::path&)> accept{};
  // Once true, next() ends the list soon, even where it is waiting for standard input.
  const std::atomic<bool>* cancel = nullptr;
};

class PhotoList {
 public:
  // Throws Error{not_found, io} where `images_from` cannot be opened; everything else that goes wrong
  // becomes a PhotoItem with its error.
  explicit PhotoList(std::vector<std::filesystem::path> paths, PhotoListOptions options = {});
  ~PhotoList();
  PhotoList(PhotoList&&) noexcept;
  PhotoList& operator=(PhotoList&&) noexcept;

  std::optional<PhotoItem> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Counts what a PhotoList of the same arguments would give, adding to `count` as it goes, for the time
// left on a progress bar; meant for a thread of its own. Returns false where it was cancelled or the
// list comes from standard input or a pipe, which cannot be read twice.
bool count_photos(const std::vector<std::filesystem::path>& paths, PhotoListOptions options,
                  std::atomic<std::size_t>& count);

}  // namespace resnet
