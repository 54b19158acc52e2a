// Everything that a step changes: what a checkpoint holds and --resume brings back.
#pragma once

#include "train/batch_norm.hpp"
#include "train/config.hpp"
#include "train/data_parallel.hpp"
#include "train/flat_parameters.hpp"
#include "train/optimizer.hpp"
#include "train/trainable_network.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace resnet::train {

// How far a run has come.
struct Position {
  int epoch = 0;           // epochs that are done
  std::int64_t batch = 0;  // batches of the loader that are done of the next one
  double epoch_loss = 0;   // sum of the losses of its steps
  std::int64_t step = 0;   // optimisation steps, all epochs together
  int best_epoch = 0;      // 0: none yet
  double best_score = 0;
  // Mean loss of the first steps that were logged: what later ones are held against. 0: none yet.
  double first_loss = 0;
};

class TrainingState {
 public:
  // Takes the network to its device and layout; every process starts with the values of the first.
  TrainingState(std::unique_ptr<TrainableNetwork> network, const Config& config, torch::Device device,
                const DataParallel& processes);

  TrainableNetwork& network() noexcept { return *network_; }

  // The average begins anew at the weights as they are: they were changed outside a step.
  void restart_average();

  // Both name every tensor; load() refuses a file that is not of this network and optimiser with
  // Error{bad_format}.
  void save(const std::filesystem::path& path) const;
  void load(const std::filesystem::path& path);

  // Parts, in the order of a step.
  FlatParameters parameters;
  RunningStatistics statistics;
  GradScaler scaler;
  Optimizer optimizer;
  MovingAverage average;
  Position position;

 private:
  std::vector<std::pair<std::string, torch::Tensor>> tensors() const;

  std::unique_ptr<TrainableNetwork> network_;
  torch::Device device_;
};

// The configuration, as YAML, of the run that a checkpoint is of.
std::string config_of_checkpoint(const std::filesystem::path& checkpoint);

// A checkpoint is a folder that appears whole or not at all:
//   model.pth or model.safetensors   the model as it was validated, for PyTorch and `resnet`
//   state.pt                         TrainingState, for --resume
//   config.yaml                      the configuration of the run
void write_checkpoint(const std::filesystem::path& path, const TrainingState& state,
                      const std::optional<Model>& model, const std::string& config_yaml);
// Throws Error{not_found} where `path` is no such folder.
void read_checkpoint(const std::filesystem::path& path, TrainingState& state);

}  // namespace resnet::train
