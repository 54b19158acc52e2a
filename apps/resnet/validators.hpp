// Checks of options' values. Their messages say what would be right.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace resnet::cli {

// Accepts one of `choices`; the message of a refusal lists them.
CLI::Validator one_of(std::vector<std::string> choices);

// A whole number from `least` to `most`.
CLI::Validator whole_number(std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max());

// A number from `least` to `most`, ends included; not NaN.
CLI::Validator number(double least, double most = std::numeric_limits<double>::infinity());

// Any name but the empty one, which would read as "not given".
CLI::Validator not_empty();

}  // namespace resnet::cli
