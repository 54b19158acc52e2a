// Event files, which TensorBoard shows: scalars, histograms, pictures and text over the steps of a run.
// Format: TFRecords (tfrecord.hpp), each with one tensorflow.Event; the messages and their field numbers are
// those of tensorboard/compat/proto/{event,summary,tensor,histogram}.proto.
#pragma once

#include "train/log/append_file.hpp"
#include "train/log/histogram.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace resnet::train {

// A picture as TensorBoard hands it to the browser.
struct EventImage {
  std::string_view file;  // a whole PNG or JPEG
  int width = 0;          // pixels
  int height = 0;
};

// A tag names a series of values over the steps; '/' in it groups series on the page. Every call writes its
// event through to the file and throws Error{io} where that fails.
class EventFile {
 public:
  // A new file in `directory`, which is made where it is not there. TensorBoard reads all event files of a
  // folder as one run, in the order of their names; this one's comes after those of all files there. Values
  // of those files at `first_step` and later are from now on dropped by TensorBoard: a run that resumes does
  // these steps again, one that begins anew (0) replaces all. Throws Error{io}.
  explicit EventFile(const std::filesystem::path& directory, std::int64_t first_step = 0);

  void add_scalar(std::string_view tag, std::int64_t step, double value);
  void add_histogram(std::string_view tag, std::int64_t step, const Histogram& histogram);
  // TensorBoard keeps the first `description` of each tag and shows it beside the pictures (Markdown).
  void add_image(std::string_view tag, std::int64_t step, const EventImage& image,
                 std::string_view description = {});
  // Markdown.
  void add_text(std::string_view tag, std::int64_t step, std::string_view text);

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  AppendFile file_;
};

}  // namespace resnet::train
