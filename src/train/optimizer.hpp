// One step from gradients to weights: unscaling, clipping, SGD or AdamW, the learning rate of the moment.
#pragma once

#include "train/config.hpp"
#include "train/flat_parameters.hpp"

#include <cstdint>
#include <memory>

#include <torch/torch.h>

namespace resnet::train {

// SGD with Nesterov's momentum or AdamW, through torch::optim. Parameters that are not decayed have no weight
// decay; those outside the head have backbone_lr_scale of the learning rate.
class Optimizer {
 public:
  Optimizer(FlatParameters& parameters, const TrainConfig& config);

  void set_learning_rate(double rate);
  // From the gradient in the parameters, which it may clip (to a norm of clip_gradient, over all parameters).
  void step();

  void save(torch::serialize::OutputArchive& archive) const { optimizer_->save(archive); }
  void load(torch::serialize::InputArchive& archive) { optimizer_->load(archive); }

 private:
  FlatParameters& parameters_;
  std::vector<double> scales_;  // of the learning rate, one a group
  double clip_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  torch::optim::AdamW* adamw_ = nullptr;  // it, where it is one
};

// fp16's gradients underflow unless the loss is multiplied: by a scale that halves when a gradient overflows
// (that step is left out) and doubles after 2000 steps without. Micikevicius et al., "Mixed Precision
// Training", ICLR 2018; the constants are PyTorch's. Where it is off the scale is 1 and no gradient is looked
// at.
class GradScaler {
 public:
  GradScaler(bool enabled, torch::Device device);

  torch::Tensor scale(const torch::Tensor& loss) const { return enabled_ ? loss * scale_ : loss; }
  // Divides the gradient by the scale and adapts the scale. False where the gradient is not finite: no step.
  bool unscale(torch::Tensor& gradient);

  double value() const { return enabled_ ? scale_.item<double>() : 1; }
  int good_steps() const noexcept { return good_steps_; }
  void restore(double value, int good_steps);

 private:
  static constexpr double kFirstScale = 65536;
  static constexpr int kStepsToGrow = 2000;

  bool enabled_;
  torch::Tensor scale_, found_inf_;
  int good_steps_ = 0;
};

// The exponential moving average of weights and BatchNorm statistics:
//   average += (1 - d) (weights - average),   d = min(decay, (1 + n) / (10 + n)) after n steps,
// so that the first, random weights are soon forgotten.
class MovingAverage {
 public:
  // `tensors`: what is averaged, in place of the network's own. decay 0: off.
  MovingAverage(std::vector<torch::Tensor> tensors, double decay);

  bool enabled() const noexcept { return decay_ > 0; }
  double decay() const noexcept { return decay_; }
  void update(std::int64_t steps);
  // Exchanges the network's values and the averages. Call it before evaluating, and again after.
  void swap();

  const std::vector<torch::Tensor>& averages() const noexcept { return averages_; }

 private:
  std::vector<torch::Tensor> tensors_, averages_;
  double decay_;
};

}  // namespace resnet::train
