#include "validators.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

std::string choices_text(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

// "" where `text` as a whole is a number in the range, else what it should have been.
template <class T>
std::string check_range(const std::string& text, T least, T most, const char* kind) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= least && value <= most) return {};
  const bool open = most >= std::numeric_limits<T>::max();
  return fmt::format("\"{}\" is no {} {}", printable(text), kind,
                     open ? fmt::format("from {} on", least) : fmt::format("from {} to {}", least, most));
}

}  // namespace

CLI::Validator one_of(std::vector<std::string> choices) {
  return CLI::Validator(
      [choices = std::move(choices)](std::string& value) {
        if (std::find(choices.begin(), choices.end(), value) != choices.end()) return std::string();
        return fmt::format("\"{}\" is not one of {}", printable(value), choices_text(choices));
      },
      "");
}

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  return CLI::Validator([=](std::string& value) { return check_range(value, least, most, "whole number"); },
                        "");
}

CLI::Validator number(double least, double most) {
  return CLI::Validator([=](std::string& value) { return check_range(value, least, most, "number"); }, "");
}

std::optional<std::uint64_t> parse_memory_size(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"mb", 1e6}, {"gb", 1e9}, {"mib", 1048576.0}, {"gib", 1073741824.0}}};
  double number = 0;
  const char* const behind = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), behind, number);
  std::string unit(end, behind);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const auto* known = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const auto& candidate) { return candidate.first == unit; });
  // Within what a double counts exactly, which also refuses infinity and what is no number.
  constexpr double kMost = 9007199254740992.0;
  if (error != std::errc() || known == kUnits.end() ||
      !(number * known->second >= 1 && number * known->second <= kMost))
    return std::nullopt;
  return static_cast<std::uint64_t>(number * known->second);
}

CLI::Validator memory_size() {
  return CLI::Validator(
      [](std::string& value) {
        return parse_memory_size(value)
                   ? std::string()
                   : fmt::format("\"{}\" is no size like 4GiB or 500MB", printable(value));
      },
      "");
}

CLI::Validator not_empty() {
  return CLI::Validator(
      [](std::string& value) { return value.empty() ? std::string("the name is empty") : std::string(); },
      "");
}

}  // namespace resnet::cli
