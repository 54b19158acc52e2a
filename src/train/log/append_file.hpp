// A file that grows while others read it: every append is one write, so a reader never sees half of one that
// is complete, and what was appended is there after a crash of the program.
#pragma once

#include <filesystem>
#include <string_view>

namespace resnet::train {

class AppendFile {
 public:
  enum class Mode {
    create,  // the file must not exist
    extend,  // what is there stays; the file is made where there is none
  };
  // Makes the folders above the file, too. Throws Error{io}.
  AppendFile(std::filesystem::path path, Mode mode);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Throws Error{io}; part of `bytes` may then be in the file (a full disk).
  void append(std::string_view bytes);
  // Cuts the file off behind its last `terminator`: what an append that was cut short left there goes.
  void drop_unfinished(char terminator);

  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail(const char* action) const;

  std::filesystem::path path_;
  int fd_ = -1;
};

// Makes `directory` and those above it. Throws Error{io}.
void make_directories(const std::filesystem::path& directory);

}  // namespace resnet::train
