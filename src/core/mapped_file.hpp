// A regular file mapped read-only, shared by the tensors that point into it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace resnet {

class MappedFile {
 public:
  // Throws Error: not_found, io (not a regular file, unreadable).
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  std::size_t size_;
};

}  // namespace resnet
