// Everything a training run writes to be watched, in one folder:
//
//   events.out.tfevents.*   for TensorBoard (event_file.hpp)
//   log.jsonl               for programs (json_log.hpp)
//   report.html             for people (html_report.hpp), replaced at every epoch
//
// Of several processes that train together, one has a RunLog.
#pragma once

#include "train/log/event_file.hpp"
#include "train/log/html_report.hpp"
#include "train/log/json_log.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace resnet::train {

// What a checkpoint holds of the run: the epochs and steps that were done.
struct RunPosition {
  int epoch = 0;
  std::int64_t step = 0;
};

class RunLog {
 public:
  // A run from the beginning, or one that goes on after `resumed`: its log, where it is there, then gives the
  // epochs before. Throws Error: io, bad_format for a log that is none.
  RunLog(const std::filesystem::path& directory, ReportContext context,
         std::optional<RunPosition> resumed = {});

  // All throw Error{io} where a file cannot be written. A step's values go to TensorBoard as train/loss,
  // train/learning_rate and train/images_per_s, an epoch's as validation/NAME.
  void write(const StepRecord& step);
  void write(const EpochRecord& epoch);
  void write(const SkippedRecord& skipped);
  // `how`: "done", "interrupted", "stopped: the loss is NaN".
  void end(const std::string& how);

  // For histograms, pictures and text.
  EventFile& events() { return events_; }
  const History& history() const { return history_; }

 private:
  void write_report() const;

  std::filesystem::path directory_;
  ReportContext context_;
  History history_;
  JsonLog log_;
  EventFile events_;
};

}  // namespace resnet::train
