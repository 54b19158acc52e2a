#include "model/atomic_directory.hpp"

#include "core/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

namespace fs = std::filesystem;

std::atomic<unsigned> next_suffix{0};

[[noreturn]] void fail(const fs::path& path, const std::string& what, const std::string& why) {
  throw Error(ErrorCode::io, path.string() + ": " + what + ": " + why);
}

}  // namespace

AtomicDirectory::AtomicDirectory(const fs::path& path) {
  std::error_code error;
  path_ = fs::weakly_canonical(fs::absolute(path), error);
  if (error) fail(path, "cannot be resolved", error.message());
  if (!path_.has_filename()) path_ = path_.parent_path();  // "dir/" and "dir" are the same
  for (;;) {
    temporary_ = path_;
    temporary_ += ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(next_suffix++);
    const bool made = fs::create_directory(temporary_, error);
    if (error) {
      temporary_.clear();
      throw_cannot_create(path, error.value());
    }
    if (made) return;  // else the name was taken: try the next
  }
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::commit() {
  if (::rename(temporary_.c_str(), path_.c_str()) == 0) {  // nothing there, or an empty directory
    temporary_.clear();
    return;
  }
  if (errno != ENOTEMPTY && errno != EEXIST) fail(path_, "cannot be put in place", std::strerror(errno));
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
    return;  // the old directory now bears the temporary name, and the destructor removes it
  }
  // File systems without an exchange: two renames, with the old directory kept until both are done.
  fs::path old = temporary_;
  old += ".old";
  if (::rename(path_.c_str(), old.c_str()) != 0) fail(path_, "cannot be replaced", std::strerror(errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    ::rename(old.c_str(), path_.c_str());
    fail(path_, "cannot be put in place", std::strerror(reason));
  }
  temporary_ = old;
}

}  // namespace resnet::formats
