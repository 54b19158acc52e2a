// The training run: epochs of steps, each followed by a validation, a checkpoint and its records.
#pragma once

#include "train/config.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace resnet::train {

// How the caller watches a run. Everything is called from the thread of train(), in the first process only.
struct TrainWatch {
  // A line for people: what is done, what was found.
  std::function<void(const std::string& line)> note = [](const std::string&) {};
  // `stage` ("epoch 3/30, loss 0.123", "validating") begins with `total` pictures to do; 0: it has ended.
  std::function<void(const std::string& stage, std::int64_t total)> stage = [](const std::string&,
                                                                               std::int64_t) {};
  std::function<void(std::int64_t pictures)> advance = [](std::int64_t) {};
  // Once true the run writes a checkpoint and ends. May be set by a signal handler.
  const std::atomic<bool>* cancel = nullptr;
};

struct TrainResult {
  bool interrupted = false;
  std::filesystem::path checkpoint;  // of an interrupted run: what --resume takes
  std::filesystem::path best_model;  // of a run with a validation
  int best_epoch = 0;
  double best_score = 0;     // mAP or top-1
  std::int64_t skipped = 0;  // pictures that could not be read; each was noted
};

// Trains from config.model.start, or goes on where the checkpoint folder `resume` stopped (empty: does not).
// Throws Error: whatever is wrong with the configuration, data or files; cancelled never; invalid_argument
// where the loss is NaN or diverges, with what to try.
TrainResult train(const Config& config, const std::filesystem::path& resume, const TrainWatch& watch);

}  // namespace resnet::train
