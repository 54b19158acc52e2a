// The log of a training run for programs: one JSON object a line, each line written at once and whole, so
// that it can be read while training runs. The file only ever grows. Every line has "event" and "time" (UTC,
// ISO 8601):
//
//   start    config {key: value}: a run begins; what stands above it belongs to older runs
//   resume   epoch, step: goes on after them; what stands above it of later epochs and steps is void
//   step     step, epoch, loss, learning_rate, images_per_s
//   epoch    epoch, step, seconds, images_per_s, loss, validation {name: value}, best, classes [{label,
//   positives, ap}] skipped  path, reason: a picture that could not be used end      how
//
// A number that is NaN or infinite is null; "ap" is null for a class without positives.
#pragma once

#include "train/log/append_file.hpp"
#include "train/log/history.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace resnet::train {

class JsonLog {
 public:
  // Goes on behind what is in the file; a line that a crash left unfinished is cut off. Throws Error{io}.
  explicit JsonLog(const std::filesystem::path& path);

  // All throw Error{io}. Text that is no UTF-8 gets U+FFFD.
  void start(const std::vector<std::pair<std::string, std::string>>& config);
  void resume(int epoch, std::int64_t step);
  void write(const StepRecord& step);
  void write(const EpochRecord& epoch);
  void write(const SkippedRecord& skipped);
  void end(const std::string& how);

 private:
  AppendFile file_;
};

}  // namespace resnet::train
