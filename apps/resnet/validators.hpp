// Checks of options' values. Their messages say what would be right.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
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

// Bytes: "4GiB", "1.5GB", "500MB", "300MiB", above 0; units of 1024 and of 1000, capitals or not. Empty where
// it is none.
std::optional<std::uint64_t> parse_memory_size(const std::string& text);
// What parse_memory_size() reads.
CLI::Validator memory_size();

// Any name but the empty one, which would read as "not given".
CLI::Validator not_empty();

}  // namespace resnet::cli
