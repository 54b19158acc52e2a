// The bytes of a file that is being read, what they are called in messages, and little-endian loads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace resnet::formats {

// Every format read here is little-endian, and tensors are used where they lie in the file.
static_assert(std::endian::native == std::endian::little, "a big-endian machine would need byte swaps");

struct FileView {
  std::string name;  // for messages: the path
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps `bytes` alive
  bool evictable = false;             // the bytes are clean pages of a mapped file (Tensor::view)
};

// Maps a regular file. Throws Error: not_found, io.
FileView map_file(const std::filesystem::path& path);

// The caller has checked that sizeof(T) bytes are there.
template <class T>
T load_le(const std::byte* p) noexcept {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A name out of a file as it may stand in a message: cut at 120 bytes, control characters as "\x1b".
std::string printable(std::string_view text);

}  // namespace resnet::formats
