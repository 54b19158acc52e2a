// Writes zip archives as torch.save does: entries stored, each one's data at a multiple of 64 bytes.
#pragma once

#include "core/atomic_file.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::formats {

class ZipWriter {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit ZipWriter(const std::filesystem::path& path);

  // Throws Error: io; too_large where the archive would pass 4 GiB.
  void add(const std::string& name, std::span<const std::byte> bytes);
  void add(const std::string& name, std::string_view text);
  void commit();

 private:
  struct Entry {
    std::string name;
    std::uint32_t crc, size, offset;
  };
  void require_room(std::uint64_t size) const;
  void write(std::string_view bytes);

  std::filesystem::path path_;
  AtomicFile file_;
  std::uint64_t at_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace resnet::formats
