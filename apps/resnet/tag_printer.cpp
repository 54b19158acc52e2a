#include "tag_printer.hpp"

#include "output.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>

namespace resnet::cli {
namespace {

// Paths longer than this do not push the tags of all others to the right.
constexpr std::size_t kWidestPath = 60;

// A line as RFC 4180 ends it.
std::string csv_record(const std::vector<std::string>& fields) {
  std::string line = csv_line(fields);
  return line.insert(line.size() - 1, 1, '\r');
}

}  // namespace

TagPrinter::TagPrinter(const Model& model, const TagArguments& args)
    : labels_(model.labels), json_(args.json), csv_(args.csv) {
  if (csv_) write_output(csv_record({"path", "rank", "index", "label", "score"}));
}

void TagPrinter::print(const std::filesystem::path& path, Size picture, std::span<const Prediction> tags,
                       const PhotoTimes& times) {
  if (json_) {
    print_json(prediction_json(path, picture.width, picture.height, tags, labels_, times));
  } else if (csv_) {
    print_csv(path, tags);
  } else {
    print_text(path, tags);
  }
}

void TagPrinter::print_failure(const std::filesystem::path& path, const Error& error) {
  if (json_) print_json(failure_json(path, error.code(), error.what()));
}

void TagPrinter::print_text(const std::filesystem::path& path, std::span<const Prediction> tags) {
  std::string line = printable(path.native());
  const std::size_t width = characters(line);
  path_width_ = std::max(path_width_, std::min(width, kWidestPath));
  line.append(path_width_ > width ? path_width_ - width : 0, ' ');
  line += "  ";
  for (std::size_t i = 0; i < tags.size(); ++i) {
    line += fmt::format("{}{} {:.2f}", i == 0 ? "" : ", ",
                        printable(labels_[static_cast<std::size_t>(tags[i].index)]), tags[i].score);
  }
  write_output(line + (tags.empty() ? "-\n" : "\n"));
}

// A photo without tags has a line, too: it was looked at.
void TagPrinter::print_csv(const std::filesystem::path& path, std::span<const Prediction> tags) {
  std::string lines;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    lines += csv_record({path.native(), std::to_string(i + 1), std::to_string(tags[i].index),
                         labels_[static_cast<std::size_t>(tags[i].index)], fmt::format("{}", tags[i].score)});
  }
  if (tags.empty()) lines = csv_record({path.native(), "", "", "", ""});
  write_output(lines);
}

}  // namespace resnet::cli
