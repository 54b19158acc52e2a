// Reads path names from a file or standard input as they arrive.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

namespace resnet {

class NameReader {
 public:
  // "-" is standard input. Throws Error{not_found, io}.
  NameReader(const std::filesystem::path& file, const std::atomic<bool>* cancel);
  ~NameReader();
  NameReader(const NameReader&) = delete;
  NameReader& operator=(const NameReader&) = delete;

  // The next name that is not empty; nothing at the end or once cancelled. Names end at a NUL where the
  // first bytes read hold one, else at a line feed (a carriage return before it is dropped).
  // Throws Error{io}.
  std::optional<std::string> next();

 private:
  bool fill();

  std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  const std::atomic<bool>* cancel_;
  std::string buffer_;
  std::size_t position_ = 0;
  bool ended_ = false;
  char separator_ = '\0';
  bool separator_known_ = false;
};

}  // namespace resnet
