#include "eval/csv.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::eval {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {
    if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) {
      fail("is UTF-16; save it as UTF-8");
    }
    if (text_.starts_with(kUtf8Mark)) text_.remove_prefix(kUtf8Mark.size());
    if (text_.find('\0') != std::string_view::npos) fail("holds a NUL byte, so it is no text");
  }

  std::vector<CsvRow> read() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      CsvRow row{line_, {}};
      do {
        row.fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted_field() : plain_field());
      } while (take_comma());
      take_line_end();
      if (row.fields.size() > 1 || !row.fields.front().empty()) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::bad_format, fmt::format("{}: line {} {}", name_, line_, what));
  }

  std::string plain_field() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted_field() {
    const int opened = line_;
    std::string field;
    for (++at_;; ++at_) {
      if (at_ >= text_.size()) {
        line_ = opened;
        fail("opens a quote that is never closed");
      }
      if (text_[at_] == '"') {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
          ++at_;
        } else {
          break;
        }
      }
      if (text_[at_] == '\n') ++line_;
      field.push_back(text_[at_]);
    }
    ++at_;
    if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') {
      fail("has text after a closing quote");
    }
    return field;
  }

  bool take_comma() {
    if (at_ >= text_.size() || text_[at_] != ',') return false;
    ++at_;
    return true;
  }

  void take_line_end() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name) {
  return CsvReader(text, name).read();
}

}  // namespace resnet::eval
