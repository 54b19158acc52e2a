// Comma-separated values as spreadsheets and label tools write them (RFC 4180 and a little more).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resnet::eval {

struct CsvRow {
  int line;  // where it starts, counted from 1
  std::vector<std::string> fields;
};

// Fields may be quoted ("" inside is one quote; line breaks inside are kept). Lines end in LF, CRLF or
// CR; a UTF-8 byte order mark and empty lines are skipped. `name` appears in messages. Throws
// Error{bad_format} on an unfinished quote, text after a closing quote, UTF-16, or a NUL byte.
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name);

}  // namespace resnet::eval
