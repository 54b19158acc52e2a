// Names that users write for values of an enum.
#pragma once

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet {

// The one of `choices` whose to_string() is `name`. Throws Error{invalid_argument} listing them; `what` says
// what they are.
template <class Choices>
auto parse_choice(const char* what, std::string_view name, const Choices& choices) {
  std::vector<std::string_view> names;
  for (const auto choice : choices) {
    if (to_string(choice) == name) return choice;
    names.push_back(to_string(choice));
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("no {} '{}': give one of {}", what, name, fmt::join(names, ", ")));
}

}  // namespace resnet
