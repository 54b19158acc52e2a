// How good the network is on the validation pictures, by the metrics of `resnet eval`.
#pragma once

#include "eval/classification_metrics.hpp"
#include "eval/multilabel_metrics.hpp"
#include "train/batch_input.hpp"
#include "train/config.hpp"
#include "train/data/batch_loader.hpp"
#include "train/data_parallel.hpp"
#include "train/losses.hpp"
#include "train/trainable_network.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace resnet::train {

struct Validation {
  std::int64_t images = 0;  // that went into the figures; pictures that cannot be read are left out
  double loss = 0;
  // One of the two, by the kind of the data. Multi-label figures are at the thresholds of `head`.
  std::optional<eval::ClassificationMetrics> classification;
  std::optional<eval::MultilabelMetrics> multilabel;
  Head head;                  // with the thresholds that these pictures suggest
  std::vector<float> scores;  // probabilities, [samples, classes]; zeros for pictures that were left out

  // mAP or top-1: what decides which epoch is best.
  double score() const;
  // For logs: {"mAP", 0.5}, {"loss", 0.1}, …
  std::vector<std::pair<std::string, double>> figures() const;
};

class Evaluator {
 public:
  // All processes make one, of the same set, which must outlive it.
  Evaluator(const TrainingSet& set, const Config& config, torch::Device device,
            const DataParallel& processes);
  ~Evaluator();

  // Leaves the network in training mode. Processes share the work, and all get the result. `stop` is asked
  // after every batch: empty where it says so, which it must then do in every process.
  std::optional<Validation> run(TrainableNetwork& network, const Loss& loss,
                                const std::function<bool()>& stop);

  // The samples that this process validates with, and those of them that could not be read.
  const TrainingSet& part() const noexcept { return part_; }
  std::vector<BatchLoader::Skipped> skipped() const;

 private:
  const TrainingSet& set_;
  const Config& config_;
  torch::Device device_;
  const DataParallel& processes_;
  TrainingSet part_;  // of this process
  BatchInput input_;
  std::unique_ptr<BatchLoader> loader_;  // null where the part is empty
};

}  // namespace resnet::train
