#include "pipeline/name_reader.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::size_t kChunk = 1 << 16;
// How often a wait for standard input looks at the cancel flag.
constexpr int kPollMs = 100;

}  // namespace

NameReader::NameReader(const std::filesystem::path& file, const std::atomic<bool>* cancel)
    : name_(file == "-" ? "standard input" : file.string()), cancel_(cancel) {
  if (file == "-") {
    fd_ = STDIN_FILENO;
    return;
  }
  fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    throw Error(errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                name_ + ": the list of photos cannot be opened: " + std::strerror(errno));
  }
  owned_ = true;
}

NameReader::~NameReader() {
  if (owned_) ::close(fd_);
}

// Appends what can be read now; false at the end.
bool NameReader::fill() {
  if (ended_) return false;
  for (;;) {
    if (cancel_ != nullptr) {
      pollfd waiting{fd_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, kPollMs);
      if (cancel_->load(std::memory_order_relaxed)) {
        ended_ = true;
        buffer_.clear();  // half a name must not be taken for a whole one
        position_ = 0;
        return false;
      }
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    }
    buffer_.erase(0, position_);
    position_ = 0;
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kChunk);
    const ssize_t n = ::read(fd_, buffer_.data() + size, kChunk);
    buffer_.resize(size + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw Error(ErrorCode::io, name_ + ": the list of photos cannot be read: " + std::strerror(errno));
    }
    ended_ = n == 0;
    if (!separator_known_ && !ended_) {
      separator_ = buffer_.find('\0') == std::string::npos ? '\n' : '\0';
      separator_known_ = true;
    }
    return !ended_;
  }
}

std::optional<std::string> NameReader::next() {
  std::size_t searched = position_;
  for (;;) {
    const std::size_t end = separator_known_ ? buffer_.find(separator_, searched) : std::string::npos;
    if (end == std::string::npos) {
      const std::size_t pending = buffer_.size() - position_;
      if (fill()) {
        searched = pending;  // fill() moved the pending part to the front
        continue;
      }
      if (position_ >= buffer_.size()) return std::nullopt;
    }
    std::string name = buffer_.substr(position_, end == std::string::npos ? end : end - position_);
    position_ = end == std::string::npos ? buffer_.size() : end + 1;
    searched = position_;
    if (separator_ == '\n' && !name.empty() && name.back() == '\r') name.pop_back();
    if (!name.empty()) return name;
  }
}

}  // namespace resnet
