// What a run leaves behind: checkpoints, the best model, logs. Only the first process has one.
//
//   DIRECTORY/checkpoints/NAME/checkpoint_epoch_N/      the last ones (training_state.hpp)
//   DIRECTORY/checkpoints/NAME/checkpoint_interrupted/  where Ctrl-C stopped the run
//   DIRECTORY/checkpoints/NAME/best_model.safetensors   and, in fp32, best_model.pth
//   DIRECTORY/checkpoints/NAME/config.yaml              the resolved configuration
//   DIRECTORY/logs/NAME/                                run_log.hpp
#pragma once

#include "train/config.hpp"
#include "train/data/training_set.hpp"
#include "train/evaluation.hpp"
#include "train/log/run_log.hpp"
#include "train/training_state.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace resnet::train {

class RunOutput {
 public:
  // `facts` are for the report: device, number of pictures. `resumed`: the position of the checkpoint.
  RunOutput(const Config& config, const TrainingSet& validation,
            std::vector<std::pair<std::string, std::string>> facts, const std::optional<Position>& resumed);

  RunLog& log() { return log_; }

  // The model that `network` is with what `validation` says of its head; none where no file can hold it.
  std::optional<Model> model_of(const TrainableNetwork& network, const Head& head) const;

  void write_best(const Model& model) const;
  // After an epoch; older ones beyond output.keep_checkpoints are removed. `model` is left out where it is
  // empty.
  void write_epoch(const TrainingState& state, const std::optional<Model>& model) const;
  std::filesystem::path write_interrupted(const TrainingState& state,
                                          const std::optional<Model>& model) const;

  // Histograms of weights and pictures with their tags, for TensorBoard.
  void write_details(TrainableNetwork& network, const Validation& validation, const Position& position);

  std::filesystem::path checkpoints() const { return checkpoints_; }

 private:
  void write_pictures(const Validation& validation, std::int64_t step);

  const Config& config_;
  const TrainingSet& validation_;
  std::filesystem::path checkpoints_;
  std::string config_yaml_;
  RunLog log_;
};

}  // namespace resnet::train
