// Numbers of things in messages.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace resnet {

// "1 photo", "0 photos", "12 photos". `count` may be text already ("1,234"); "1" is one.
template <class Count>
std::string counted(const Count& count, std::string_view one, std::string_view many) {
  const std::string number = fmt::format("{}", count);
  return fmt::format("{} {}", number, number == "1" ? one : many);
}
// The same where the plural only takes an s.
template <class Count>
std::string counted(const Count& count, std::string_view one) {
  const std::string number = fmt::format("{}", count);
  return fmt::format("{} {}{}", number, one, number == "1" ? "" : "s");
}

}  // namespace resnet
