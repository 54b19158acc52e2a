#include "ladder/table.hpp"

#include "core/atomic_file.hpp"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::ladder {
namespace {

constexpr const char* kBegin = "<!-- ladder -->\n";
constexpr const char* kEnd = "<!-- end of ladder -->";

// Three digits: "0.151", "40.7", "128".
std::string digits(double value) {
  return fmt::format("{:.{}f}", value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string head(const Table& table, const std::string& first) {
  std::string text = fmt::format("{}\n\n|{}", table.title, first), rule = "|";
  for (const std::string& column : table.columns) text += fmt::format(" {} |", column);
  for (const char c : text.substr(table.title.size() + 3)) rule += c == '|' ? "---|" : "";
  return text + '\n' + rule + '\n';
}

std::string gain(const std::optional<Cell>& cell, const std::optional<Cell>& before) {
  if (!cell) return "failed";
  if (!before) return fmt::format("{} ({})", digits(cell->ms), digits(cell->predicted_ms));
  return fmt::format("{}, x{:.2f} (x{:.2f})", digits(cell->ms), before->ms / cell->ms,
                     before->predicted_ms / cell->predicted_ms);
}

}  // namespace

std::string markdown_gains(const Table& table) {
  std::string text = head(table, " rung | idea |");
  std::vector<std::optional<Cell>> before(table.columns.size());
  for (const Row& row : table.rows) {
    text += fmt::format("| {} | {} |", row.name, row.idea);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      text += fmt::format(" {} |", gain(row.cells[i], before[i]));
      if (row.cells[i]) before[i] = row.cells[i];
    }
    text += '\n';
  }
  return text;
}

std::string markdown_parts(const Table& table) {
  std::string text = head(table, " rung |");
  for (const Row& row : table.rows) {
    text += fmt::format("| {} |", row.name);
    for (const std::optional<Cell>& cell : row.cells)
      text += cell ? fmt::format(" {} ({}) |", digits(cell->ms), digits(cell->predicted_ms)) : " |";
    text += '\n';
  }
  return text;
}

void write_between_marks(const std::filesystem::path& path, const std::string& text) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::io, fmt::format("{} cannot be read", path.string()));
  const std::string old{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = old.find(kBegin), end = old.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} has no lines {} and {} to write between",
                                                         path.string(), "<!-- ladder -->", kEnd));
  }
  write_file_atomically(path, old.substr(0, begin) + kBegin + text + old.substr(end));
}

}  // namespace resnet::ladder
