#include "session/device_name.hpp"

#include <charconv>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {

std::string DeviceName::to_string() const {
  return kind == "cuda" ? fmt::format("{}:{}", kind, index) : kind;
}

DeviceName parse_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  DeviceName name{.kind = std::string(text.substr(0, colon))};
  if (name.kind != "auto" && name.kind != "cpu" && name.kind != "cuda") {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("no device '{}': give auto, cpu, cuda or cuda:N", text));
  }
  if (colon == std::string_view::npos) return name;
  const std::string_view number = text.substr(colon + 1);
  const char* const behind = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), behind, name.index);
  if (name.kind != "cuda" || number.starts_with('-') || error != std::errc{} || end != behind) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("device '{}': only cuda takes a number, as in cuda:1", text));
  }
  return name;
}

}  // namespace resnet
