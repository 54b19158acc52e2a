#include "pipeline/photo_list.hpp"

#include "pipeline/name_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include <dirent.h>
#include <sys/stat.h>

#include <resnet/image.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

using DirectoryId = std::pair<dev_t, ino_t>;

// One directory of the walk: what is still to be given from it, in reverse order, so that taking the
// next one is a pop_back().
struct Level {
  fs::path directory;
  std::vector<std::string> files;
  std::vector<std::string> directories;
};

enum class EntryKind { file, directory, linked_directory };

EntryKind kind_of(const fs::path& directory, const dirent& entry) {
  if (entry.d_type == DT_DIR) return EntryKind::directory;
  if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return EntryKind::file;
  // Links, and file systems that do not tell the kind: ask. What cannot be asked about (a link to
  // nowhere) counts as a file, so that it is named as a failure instead of passed over in silence.
  const fs::path path = directory / entry.d_name;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return EntryKind::file;
  struct stat link {};
  const bool linked = ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  return linked ? EntryKind::linked_directory : EntryKind::directory;
}

void sort_reversed(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end(), std::greater<>());
}

PhotoItem failed(fs::path path, ErrorCode code, const std::string& message) {
  PhotoItem item;
  item.error = Error(code, path.string() + ": " + message);
  item.path = std::move(path);
  return item;
}

}  // namespace

struct PhotoList::Impl {
  std::vector<fs::path> paths;
  PhotoListOptions options;
  std::unique_ptr<NameReader> names;
  std::size_t next_path = 0;
  std::vector<Level> levels;      // the walk's stack; no directory stays open
  std::set<DirectoryId> visited;  // directories listed under the path that is being walked

  bool cancelled() const {
    return options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed);
  }

  std::optional<fs::path> next_given() {
    if (next_path < paths.size()) return paths[next_path++];
    if (!names) return std::nullopt;
    if (auto name = names->next()) return fs::path(std::move(*name));
    return std::nullopt;
  }

  // Reads a directory and puts it on the stack. Gives an item where that fails.
  std::optional<PhotoItem> enter(fs::path directory) {
    DIR* handle = ::opendir(directory.c_str());
    if (handle == nullptr) {
      const int reason = errno;
      return failed(std::move(directory), ErrorCode::io,
                    std::string("the folder cannot be opened: ") + std::strerror(reason));
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(handle, ::closedir);
    struct stat info {};
    if (::fstat(::dirfd(handle), &info) == 0 && !visited.emplace(info.st_dev, info.st_ino).second) {
      return std::nullopt;
    }
    Level level;
    level.directory = std::move(directory);
    std::vector<std::string> linked;
    int reason = 0;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(handle);
      if (entry == nullptr) {
        reason = errno;
        break;
      }
      if (entry->d_name[0] == '.') continue;
      switch (kind_of(level.directory, *entry)) {
        case EntryKind::file:
          if (options.accept(entry->d_name)) level.files.emplace_back(entry->d_name);
          break;
        case EntryKind::directory:
          if (options.recursive) level.directories.emplace_back(entry->d_name);
          break;
        case EntryKind::linked_directory:
          if (options.recursive) linked.emplace_back(entry->d_name);
          break;
      }
    }
    sort_reversed(level.files);
    sort_reversed(level.directories);
    sort_reversed(linked);
    // Reversed, so the links go in front to come out last.
    level.directories.insert(level.directories.begin(), linked.begin(), linked.end());
    levels.push_back(std::move(level));
    if (reason != 0) {
      return failed(levels.back().directory, ErrorCode::io,
                    std::string("the folder cannot be read to its end: ") + std::strerror(reason));
    }
    return std::nullopt;
  }

  std::optional<PhotoItem> next() {
    while (!cancelled()) {
      if (!levels.empty()) {
        Level& level = levels.back();
        if (!level.files.empty()) {
          PhotoItem item;
          item.path = level.directory / level.files.back();
          level.files.pop_back();
          return item;
        }
        if (!level.directories.empty()) {
          fs::path directory = level.directory / level.directories.back();
          level.directories.pop_back();
          if (auto error = enter(std::move(directory))) return error;
          continue;
        }
        levels.pop_back();
        continue;
      }
      visited.clear();
      auto given = next_given();
      if (!given) return std::nullopt;
      struct stat info {};
      if (::stat(given->c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
        if (auto error = enter(std::move(*given))) return error;
        continue;
      }
      // Anything else is the reader's business: it names what is missing, unreadable or no file.
      PhotoItem item;
      item.path = std::move(*given);
      return item;
    }
    return std::nullopt;
  }
};

PhotoList::PhotoList(std::vector<fs::path> paths, PhotoListOptions options)
    : impl_(std::make_unique<Impl>()) {
  impl_->paths = std::move(paths);
  impl_->options = std::move(options);
  if (!impl_->options.accept) impl_->options.accept = has_image_extension;
  if (!impl_->options.images_from.empty()) {
    impl_->names = std::make_unique<NameReader>(impl_->options.images_from, impl_->options.cancel);
  }
}

PhotoList::~PhotoList() = default;
PhotoList::PhotoList(PhotoList&&) noexcept = default;
PhotoList& PhotoList::operator=(PhotoList&&) noexcept = default;

std::optional<PhotoItem> PhotoList::next() {
  return impl_->next();
}

bool count_photos(const std::vector<fs::path>& paths, PhotoListOptions options,
                  std::atomic<std::size_t>& count) {
  // A pipe would be emptied by counting it.
  if (!options.images_from.empty() && !fs::is_regular_file(options.images_from)) return false;
  const std::atomic<bool>* cancel = options.cancel;
  PhotoList list(paths, std::move(options));
  while (list.next()) count.fetch_add(1, std::memory_order_relaxed);
  return cancel == nullptr || !cancel->load(std::memory_order_relaxed);
}

}  // namespace resnet
