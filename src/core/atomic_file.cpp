#include "core/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;
constexpr int kNameTries = 100;

std::atomic<unsigned> next_suffix{0};

void require_replaceable(const std::filesystem::path& path) {
  if (path.empty()) throw Error(ErrorCode::io, "the name of the file to write is empty");
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode)) return;
  throw Error(ErrorCode::io, path.string() +
                                 (S_ISDIR(there.st_mode) ? ": is a folder" : ": is no ordinary file") +
                                 "; give the name of a file");
}

}  // namespace

void throw_cannot_create(const std::filesystem::path& path, int reason) {
  const std::filesystem::path parent = path.parent_path();
  std::string why = std::strerror(reason);
  std::error_code ignored;
  if (reason == ENOENT && !parent.empty() && !std::filesystem::exists(parent, ignored)) {
    why = "there is no folder " + parent.string() + "; make it first";
  } else if (reason == ENOTDIR) {
    why = parent.string() + " is no folder";
  } else if (reason == EACCES || reason == EPERM || reason == EROFS) {
    why += "; choose a folder that you may write to";
  }
  throw Error(ErrorCode::io, path.string() + ": cannot be created: " + why);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  require_replaceable(path_);
  for (int i = 0; i < kNameTries && fd_ < 0; ++i) {
    temporary_ = path_;
    temporary_ += ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(next_suffix++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST) break;
  }
  if (fd_ >= 0) return;
  const int reason = errno;
  temporary_.clear();
  throw_cannot_create(path_, reason);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* action) const {
  throw Error(ErrorCode::io, path_.string() + ": " + action + ": " + std::strerror(errno));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::write(std::string_view text) {
  buffer_.append(text);
  if (buffer_.size() >= kBufferBytes) flush();
}

void AtomicFile::flush() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot be written");
    done += static_cast<std::size_t>(n);
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  // A file that is replaced keeps its permissions; on failure the new one's own have to do.
  struct stat replaced {};
  if (::stat(path_.c_str(), &replaced) == 0 && S_ISREG(replaced.st_mode)) {
    static_cast<void>(::fchmod(fd_, replaced.st_mode & 07777));
  }
  // Without the sync a power cut could leave the new name pointing at an empty file.
  if (::fsync(fd_) != 0 && errno != EINVAL) fail("cannot be synced");
  const int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0) fail("cannot be closed");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot be renamed into place");
  temporary_.clear();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace resnet
