#include "model/file_view.hpp"

#include "core/mapped_file.hpp"

#include <fmt/format.h>

namespace resnet::formats {

FileView map_file(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  const std::span<const std::byte> bytes = file->bytes();
  return {path.string(), bytes, std::move(file), true};
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 120;
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  if (text.size() > kLongest) out += "...";
  return out;
}

}  // namespace resnet::formats
