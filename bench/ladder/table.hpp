// The ladder as Markdown: a table a kind of rung, each with what was measured and what had been foretold.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace resnet::ladder {

struct Cell {
  double ms, predicted_ms;
};

struct Row {
  std::string name, idea;
  std::vector<std::optional<Cell>> cells;  // empty: this rung failed
};

struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

// "| rung | idea | … |": in each cell the milliseconds, the gain over the row before, and in brackets the
// gain foretold.
std::string markdown_gains(const Table& table);

// "| rung | … |": the milliseconds, and in brackets those foretold; nothing where a rung has no such part.
std::string markdown_parts(const Table& table);

// Puts `text` between the lines "<!-- ladder -->" and "<!-- end of ladder -->" of a file. Throws Error{io},
// and Error{invalid_argument} where it has no such lines.
void write_between_marks(const std::filesystem::path& path, const std::string& text);

}  // namespace resnet::ladder
