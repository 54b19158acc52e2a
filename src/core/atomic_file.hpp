// Output files are written under a temporary name beside their destination and renamed when complete,
// so that a crash, a full disk or Ctrl-C never leaves half a file under the real name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace resnet {

class AtomicFile {
 public:
  // Creates the temporary file. Throws Error{io} naming `path` and what to do: where it cannot be created,
  // and where `path` is a folder, a device or a pipe, which the rename would fail on or take the place of.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  // removes the temporary file unless commit() succeeded
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Flushes, syncs and renames. Throws Error{io}; the destination is then untouched.
  void commit();

 private:
  [[noreturn]] void fail(const char* action) const;
  void flush();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  std::string buffer_;
};

// Throws the Error{io} for "a file or folder at `path` cannot be created", by the system's reason (an errno).
[[noreturn]] void throw_cannot_create(const std::filesystem::path& path, int reason);

// The whole of `text` to `path`, atomically.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace resnet
