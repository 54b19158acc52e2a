#include "train/optimizer.hpp"

#include "train/torch_version.hpp"

#include <algorithm>

namespace resnet::train {
namespace {

std::unique_ptr<torch::optim::OptimizerOptions> make_options(const TrainConfig& config, double weight_decay) {
  if (config.optimizer == "adamw") {
    return std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(config.lr)
                                                            .betas({config.betas[0], config.betas[1]})
                                                            .weight_decay(weight_decay));
  }
  return std::make_unique<torch::optim::SGDOptions>(torch::optim::SGDOptions(config.lr)
                                                        .momentum(config.momentum)
                                                        .nesterov(config.nesterov && config.momentum > 0)
                                                        .weight_decay(weight_decay));
}

}  // namespace

Optimizer::Optimizer(FlatParameters& parameters, const TrainConfig& config)
    : parameters_(parameters), clip_(config.clip_gradient) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (ParameterGroup& group : parameters.groups()) {
    groups.emplace_back(std::vector<torch::Tensor>{group.values},
                        make_options(config, group.decayed ? config.weight_decay : 0));
    scales_.push_back(group.learning_rate_scale * (group.head ? 1 : config.backbone_lr_scale));
  }
  if (config.optimizer == "adamw") {
    auto adamw = std::make_unique<torch::optim::AdamW>(groups, torch::optim::AdamWOptions(config.lr));
    adamw_ = adamw.get();
    optimizer_ = std::move(adamw);
  } else {
    optimizer_ = std::make_unique<torch::optim::SGD>(groups, torch::optim::SGDOptions(config.lr));
  }
}

void Optimizer::set_learning_rate(double rate) {
  auto& groups = optimizer_->param_groups();
  for (std::size_t g = 0; g < groups.size(); ++g) groups[g].options().set_lr(rate * scales_[g]);
}

void Optimizer::step() {
  if (clip_ > 0) {
    torch::Tensor& gradient = parameters_.gradient();
    // Multiplied by min(1, clip / norm), without asking the device which it is.
    gradient.mul_((clip_ / (gradient.norm() + 1e-6)).clamp_max(1));
  }
  if (adamw_ == nullptr || !step_in_one_pass(*adamw_)) optimizer_->step();
}

GradScaler::GradScaler(bool enabled, torch::Device device) : enabled_(enabled) {
  if (!enabled_) return;
  scale_ = torch::full({1}, kFirstScale, torch::TensorOptions(torch::kFloat).device(device));
  found_inf_ = torch::zeros_like(scale_);
}

bool GradScaler::unscale(torch::Tensor& gradient) {
  if (!enabled_) return true;
  found_inf_.zero_();
  const torch::Tensor inverse = scale_.reciprocal();
  unscale_gradient(gradient, found_inf_, inverse);
  const bool finite = found_inf_.item<float>() == 0;
  good_steps_ = finite ? good_steps_ + 1 : 0;
  if (!finite) scale_.mul_(0.5);
  if (good_steps_ == kStepsToGrow) {
    scale_.mul_(2);
    good_steps_ = 0;
  }
  return finite;
}

void GradScaler::restore(double value, int good_steps) {
  if (!enabled_) return;
  scale_.fill_(value);
  good_steps_ = good_steps;
}

MovingAverage::MovingAverage(std::vector<torch::Tensor> tensors, double decay)
    : tensors_(std::move(tensors)), decay_(decay) {
  if (!enabled()) return;
  for (const torch::Tensor& tensor : tensors_) averages_.push_back(tensor.detach().clone());
}

void MovingAverage::update(std::int64_t steps) {
  if (!enabled()) return;
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<double>(steps);
  const double decay = std::min(decay_, (1 + n) / (10 + n));
  for (std::size_t i = 0; i < tensors_.size(); ++i) averages_[i].lerp_(tensors_[i], 1 - decay);
}

void MovingAverage::swap() {
  if (!enabled()) return;
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const torch::Tensor kept = tensors_[i].clone();
    tensors_[i].copy_(averages_[i]);
    averages_[i].copy_(kept);
  }
}

}  // namespace resnet::train
