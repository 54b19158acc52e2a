#include "session/device_name.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

struct OneDevice {
  std::string kind;
  int index;
};

OneDevice parse_one(std::string_view text) {
  const std::size_t colon = text.find(':');
  OneDevice one{.kind = std::string(text.substr(0, colon)), .index = 0};
  if (one.kind != "auto" && one.kind != "cpu" && one.kind != "cuda") {
    throw Error(
        ErrorCode::device_unavailable,
        fmt::format("no device '{}': give auto, cpu, cuda, cuda:N, or several as in cuda:0,cuda:1", text));
  }
  if (colon == std::string_view::npos) return one;
  const std::string_view number = text.substr(colon + 1);
  const char* const behind = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), behind, one.index);
  if (one.kind != "cuda" || number.starts_with('-') || error != std::errc{} || end != behind) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("device '{}': only cuda takes a number, as in cuda:1", text));
  }
  return one;
}

}  // namespace

std::string DeviceName::to_string() const {
  if (kind != "cuda") return kind;
  std::string text;
  for (const int index : indices) text += fmt::format("{}cuda:{}", text.empty() ? "" : ",", index);
  return text;
}

DeviceName parse_device(std::string_view text) {
  DeviceName name{.kind = {}, .indices = {}};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const OneDevice one = parse_one(text.substr(begin, end - begin));
    if (!name.indices.empty() && (one.kind != "cuda" || name.kind != "cuda")) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("devices '{}': only GPUs work together, as in cuda:0,cuda:1", text));
    }
    if (std::find(name.indices.begin(), name.indices.end(), one.index) != name.indices.end()) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("devices '{}': cuda:{} is named twice", text, one.index));
    }
    name.kind = one.kind;
    name.indices.push_back(one.index);
    begin = end + 1;
  }
  return name;
}

}  // namespace resnet
