// What happened in a training run, as its log tells it: the figures of steps and epochs, and what was left
// out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace resnet::train {

// Steps are counted from 1: the step's number is how many are done after it.
struct StepRecord {
  std::int64_t step = 0;
  int epoch = 0;    // from 1
  double loss = 0;  // mean since the last record; may be NaN
  double learning_rate = 0;
  double images_per_second = 0;  // since the last record
};

struct ClassRecord {
  std::string label;
  std::int64_t positives = 0;  // pictures of the class in the validation split
  std::optional<double> ap;    // average precision in 0–1; none without positives
};

struct EpochRecord {
  int epoch = 0;          // from 1
  std::int64_t step = 0;  // done after it
  double seconds = 0;     // of the epoch, with its validation
  double images_per_second = 0;
  double loss = 0;  // training, mean over the epoch
  // What validation found, in the order to show: {"mAP", 0.51}, {"OF1", 0.6}, … Fractions in 0–1, but for
  // losses.
  std::vector<std::pair<std::string, double>> validation{};
  bool best = false;                   // the best epoch so far
  std::vector<ClassRecord> classes{};  // of the validation, where the head is multi-label; may be empty
};

struct SkippedRecord {
  std::string path;
  std::string reason;
};

struct History {
  std::vector<StepRecord> steps;
  std::vector<EpochRecord> epochs;
  std::vector<SkippedRecord> skipped;
  std::string end;  // how the run ended: "done", "interrupted", …; empty while it runs

  // The last one marked best; null where none is.
  const EpochRecord* best() const;
};

// A value of `validation` by its name; none where it has no such figure.
std::optional<double> figure(const EpochRecord& epoch, const std::string& name);

// Reads a log that JsonLog wrote, which may still be growing: a last line without its end is not read. Throws
// Error: not_found, io, bad_format naming the line.
History read_history(const std::filesystem::path& log);

}  // namespace resnet::train
