// What an earlier run found out about photos, so that a second run skips those that did not change.
//
// One file a combination of model and options, in a folder of the user's cache, named after their
// fingerprint. Each line is one photo: path, size, time of modification, answer, and a checksum; lines are
// appended, the last one of a path counts. A line that a crash or a full disk cut off is ignored, and so
// is everything else that cannot be read: the worst case is work done twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <resnet/predictions.hpp>

namespace resnet {

// A photo's version on disk.
struct PhotoStamp {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  friend bool operator==(const PhotoStamp&, const PhotoStamp&) = default;
};

// Nothing where `photo` is no regular file.
std::optional<PhotoStamp> photo_stamp(const std::filesystem::path& photo);

struct StoredTags {
  int width = 0;
  int height = 0;
  std::vector<Prediction> predictions;
};

// "$XDG_CACHE_HOME/resnet/tags", else "~/.cache/resnet/tags"; empty where neither variable is set.
std::filesystem::path default_tag_store_directory();

// Functions may be called from several threads. Nothing here throws for a file system's reasons:
// problem() says what went wrong, and the store goes on without remembering.
class TagStore {
 public:
  // `classes`: stored indices must be below it.
  TagStore(const std::filesystem::path& directory, const std::string& fingerprint, int classes);
  ~TagStore();  // writes what is still to be written
  TagStore(const TagStore&) = delete;
  TagStore& operator=(const TagStore&) = delete;

  // What is known of this version of `photo` (any path to it).
  std::optional<StoredTags> find(const std::filesystem::path& photo, const PhotoStamp& stamp) const;
  void put(const std::filesystem::path& photo, const PhotoStamp& stamp, const StoredTags& tags);
  void flush();

  std::size_t size() const;
  std::string problem() const;  // empty: none

 private:
  struct Entry {
    PhotoStamp stamp;
    StoredTags tags;
  };
  void load(int classes);
  void compact();
  void append_pending();

  mutable std::mutex mutex_;
  std::filesystem::path file_;
  std::map<std::string, Entry> entries_;  // by absolute path
  std::string pending_;                   // lines not yet written
  std::size_t pending_lines_ = 0;
  std::size_t lines_on_disk_ = 0;
  std::string problem_;
};

}  // namespace resnet
