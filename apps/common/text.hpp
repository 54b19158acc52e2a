// Small text helpers that the commands share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace resnet::cli {

// True where `text` is well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

// Characters of UTF-8 in `text`: how many columns it takes.
std::size_t characters(std::string_view text);

// 1234567 → "1,234,567".
std::string grouped(std::int64_t value);

// 46827520 → "46.8 MB" (powers of 1000).
std::string human_bytes(std::uint64_t bytes);

// A CSV field as RFC 4180 has it: quoted where it holds a comma, a quote or a line end. Bytes are kept as
// they are.
std::string csv_field(std::string_view text);
// Fields joined by commas, with the line end.
std::string csv_line(const std::vector<std::string>& fields);

// Columns aligned with two blanks between them; the last one is not padded. `right` names the columns aligned
// to the right. Widths count UTF-8 characters.
std::string align_columns(const std::vector<std::vector<std::string>>& rows,
                          const std::vector<std::size_t>& right = {});

// Breaks `text` at blanks into lines of at most `columns` characters; line ends in it are kept.
std::vector<std::string> wrap(std::string_view text, std::size_t columns);

}  // namespace resnet::cli
