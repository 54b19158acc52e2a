// A directory that appears under its name only when complete, as AtomicFile does for files.
#pragma once

#include <filesystem>

namespace resnet::formats {

class AtomicDirectory {
 public:
  // Makes a temporary directory beside `path`. Throws Error{io}.
  explicit AtomicDirectory(const std::filesystem::path& path);
  ~AtomicDirectory();  // removes the temporary directory unless commit() succeeded
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const std::filesystem::path& temporary() const noexcept { return temporary_; }

  // Renames the directory into place. What stood there is exchanged for it in one step and then removed;
  // the caller has made sure that it may go. Throws Error{io}.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

}  // namespace resnet::formats
