// A reader for the zip files that torch.save writes: entries are stored, not compressed, so that a
// tensor can be used where it lies in the mapped file. (libzip copies every entry out, which is why this
// is our own.) Everything comes from the central directory; sizes and offsets are checked before use.
#pragma once

#include "model/file_view.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/error.hpp>

namespace resnet::formats {

struct ZipEntry {
  std::string name;
  std::uint32_t crc = 0;
  bool stored = false;                 // false: compressed or encrypted, `bytes` is empty
  std::span<const std::byte> bytes{};  // into the FileView
};

class ZipArchive {
 public:
  // Reads the directory; no entry's data is touched. Throws Error: truncated (no end record), bad_format
  // (offsets outside the file, overlapping or twin entries), unsupported (several disks).
  explicit ZipArchive(const FileView& file);
  ZipArchive(const ZipArchive&) = delete;  // index_ points into entries_
  ZipArchive& operator=(const ZipArchive&) = delete;

  // nullptr where there is none.
  const ZipEntry* find(std::string_view name) const;
  const std::vector<ZipEntry>& entries() const noexcept { return entries_; }

  // Compares the CRC-32 of these entries' bytes with the directory's, in parallel, and lets go of the
  // pages again. Throws Error: bad_format naming the entry that differs, unsupported for a compressed one.
  void verify(std::span<const ZipEntry* const> entries) const;

 private:
  [[noreturn]] void fail(ErrorCode code, const std::string& what) const;
  struct Directory {
    std::uint64_t offset, size, count;
  };
  Directory find_directory() const;
  void read_directory(const Directory& directory);
  ZipEntry read_entry(std::span<const std::byte> header, std::uint64_t directory_offset) const;
  void refuse_overlaps() const;

  FileView file_;
  std::vector<ZipEntry> entries_;
  std::map<std::string_view, std::size_t> index_;  // into entries_; its keys are their names
};

}  // namespace resnet::formats
