#include "train/log/append_file.hpp"

#include "core/atomic_file.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::train {

void make_directories(const std::filesystem::path& directory) {
  if (directory.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw_cannot_create(directory, error.value());
}

AppendFile::AppendFile(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
  make_directories(path_.parent_path());
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | (mode == Mode::create ? O_EXCL : 0);
  fd_ = ::open(path_.c_str(), flags, 0666);
  if (fd_ < 0) throw_cannot_create(path_, errno);
}

AppendFile::~AppendFile() {
  ::close(fd_);
}

void AppendFile::fail(const char* action) const {
  throw Error(ErrorCode::io, path_.string() + ": " + action + ": " + std::strerror(errno));
}

void AppendFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AppendFile::drop_unfinished(char terminator) {
  struct stat file {};
  if (::fstat(fd_, &file) != 0) fail("cannot be read");
  off_t end = file.st_size;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd_, &last, 1, end - 1) != 1) fail("cannot be read");
    if (last == terminator) break;
  }
  if (end < file.st_size && ::ftruncate(fd_, end) != 0) fail("cannot be cut off");
}

}  // namespace resnet::train
