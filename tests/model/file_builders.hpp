// Files put together byte by byte, so that tests can put them together wrongly.
#pragma once

#include "model/file_view.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

namespace resnet::test {

inline std::string le(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xffu);
  return out;
}

inline formats::FileView in_memory(std::string bytes, std::string name = "test.pth") {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const auto span = std::as_bytes(std::span(owner->data(), owner->size()));
  return {std::move(name), span, std::move(owner), false};
}

// A zip archive of stored entries. With `zip64`, every size, offset and count is in the zip64 records.
struct ZipBuilder {
  struct Entry {
    std::string name, data;
    std::uint16_t flags = 0, method = 0;
  };
  std::vector<Entry> entries;
  bool zip64 = false;
  std::string comment;

  ZipBuilder& add(std::string name, std::string data) {
    entries.push_back({std::move(name), std::move(data)});
    return *this;
  }

  std::string build() const {
    std::string out, directory;
    for (const Entry& e : entries) {
      const std::uint64_t offset = out.size();
      const auto crc =
          crc32(0, reinterpret_cast<const Bytef*>(e.data.data()), static_cast<uInt>(e.data.size()));
      out += le(0x04034b50, 4) + le(20, 2) + le(e.flags, 2) + le(e.method, 2) + le(0, 4) + le(crc, 4) +
             le(e.data.size(), 4) + le(e.data.size(), 4) + le(e.name.size(), 2) + le(0, 2) + e.name + e.data;
      const std::string sizes =
          zip64 ? le(0xffffffff, 4) + le(0xffffffff, 4) : le(e.data.size(), 4) + le(e.data.size(), 4);
      const std::string extra =
          zip64 ? le(1, 2) + le(24, 2) + le(e.data.size(), 8) + le(e.data.size(), 8) + le(offset, 8) : "";
      directory += le(0x02014b50, 4) + le(45, 2) + le(45, 2) + le(e.flags, 2) + le(e.method, 2) + le(0, 4) +
                   le(crc, 4) + sizes + le(e.name.size(), 2) + le(extra.size(), 2) + le(0, 2) + le(0, 2) +
                   le(0, 2) + le(0, 4) + le(zip64 ? 0xffffffff : offset, 4) + e.name + extra;
    }
    const std::uint64_t start = out.size();
    out += directory;
    const std::uint64_t count = entries.size();
    if (zip64) {
      const std::uint64_t end64 = out.size();
      out += le(0x06064b50, 4) + le(44, 8) + le(45, 2) + le(45, 2) + le(0, 4) + le(0, 4) + le(count, 8) +
             le(count, 8) + le(directory.size(), 8) + le(start, 8);
      out += le(0x07064b50, 4) + le(0, 4) + le(end64, 8) + le(1, 4);
    }
    out += le(0x06054b50, 4) + le(0, 2) + le(0, 2) + le(zip64 ? 0xffff : count, 2) +
           le(zip64 ? 0xffff : count, 2) + le(zip64 ? 0xffffffff : directory.size(), 4) +
           le(zip64 ? 0xffffffff : start, 4) + le(comment.size(), 2) + comment;
    return out;
  }
};

// Pieces of a pickle of protocol 2.
namespace pickle {

inline std::string text(std::string_view value) {
  return "X" + le(value.size(), 4) + std::string(value);
}
inline std::string number(std::int64_t value) {
  return "\x8a\x08" + le(static_cast<std::uint64_t>(value), 8);
}
inline std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string numbers(const std::vector<std::int64_t>& values) {
  std::string out = "(";
  for (const std::int64_t v : values) out += number(v);
  return out + "t";
}
inline std::string storage(std::string_view type, std::string_view key, std::int64_t numel) {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + number(numel) + "tQ";
}
inline std::string tensor(const std::string& storage, std::int64_t offset,
                          const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + number(offset) + numbers(sizes) +
         numbers(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
// {name: value, …} of pickled values.
inline std::string program(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = "\x80\x02}(";
  for (const auto& [name, value] : entries) out += text(name) + value;
  return out + "u.";
}

}  // namespace pickle
}  // namespace resnet::test
