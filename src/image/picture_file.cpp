#include "image/picture_file.hpp"

#include "image/sniff.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace resnet::image {
namespace {

class File {
 public:
  // O_NONBLOCK: opening a FIFO must not wait for a writer. O_NOCTTY: nor may a terminal be taken over.
  explicit File(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(ErrorCode code, const std::filesystem::path& path, std::string_view what) {
  throw Error(code, fmt::format("{}: {}", path.string(), what));
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory, not a picture (give -r to take the pictures in it)";
  if (S_ISFIFO(mode)) return "a named pipe, not a regular file";
  if (S_ISSOCK(mode)) return "a socket, not a regular file";
  return "a device, not a regular file";
}

void read_into(std::vector<std::byte>& bytes, std::size_t until, const File& file,
               const std::filesystem::path& path) {
  std::size_t have = bytes.size();
  bytes.resize(until);
  while (have < until) {
    const ssize_t got = ::read(file.fd(), bytes.data() + have, until - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::io, path, std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
}

}  // namespace

std::vector<std::byte> read_picture_file(const std::filesystem::path& path, std::int64_t max_pixels) {
  // A file that is no regular one is told by its name first, since opening a device can have effects.
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::not_found : ErrorCode::io, path,
         std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, path, kind_of(status.st_mode));
  const File file(path);
  if (file.fd() < 0) fail(ErrorCode::io, path, std::strerror(errno));
  if (::fstat(file.fd(), &status) != 0) fail(ErrorCode::io, path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, path, kind_of(status.st_mode));

  std::vector<std::byte> bytes;
  read_into(bytes, kSniffBytes, file, path);
  if (bytes.empty()) fail(ErrorCode::bad_format, path, "the file is empty");
  if (sniff(bytes, path.string()) == Format::unknown) {
    fail(ErrorCode::bad_format, path, "not a picture of a known format");
  }

  // Uncompressed 16-bit RGBA takes 8 bytes a pixel; metadata may come on top.
  constexpr std::int64_t metadata = std::int64_t{64} << 20;
  const std::int64_t limit = metadata + 8 * std::min<std::int64_t>(max_pixels, std::int64_t{1} << 40);
  if (status.st_size > limit) {
    fail(ErrorCode::too_large, path,
         fmt::format("{} bytes, more than a picture of {} pixels needs: raise the limit on pixels",
                     status.st_size, max_pixels));
  }
  if (std::cmp_less(bytes.size(), status.st_size)) {
    read_into(bytes, static_cast<std::size_t>(status.st_size), file, path);
  }
  return bytes;
}

}  // namespace resnet::image
