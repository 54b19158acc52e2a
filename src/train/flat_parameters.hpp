// The parameters of a network in a few long tensors, one for each way in which the optimiser treats them. A
// step of the optimiser, the norm of the gradient, its sum over processes and a moving average then are a few
// operations on long tensors instead of several on each of a network's 160 short ones.
#pragma once

#include "train/trainable_network.hpp"

#include <vector>

#include <torch/torch.h>

namespace resnet::train {

// Parameters that are optimised alike.
struct ParameterGroup {
  bool decayed = false;
  bool head = false;
  double learning_rate_scale = 1;
  torch::Tensor values;  // [count], a leaf; its grad() is the gradient. The network's parameters lie in it.
};

class FlatParameters {
 public:
  // Moves the parameters' memory; make it when they have reached their device. With `channels_last` weights
  // of convolutions lie there as [O][H][W][I].
  FlatParameters(const std::vector<TrainedParameter>& parameters, bool channels_last);

  std::vector<ParameterGroup>& groups() noexcept { return groups_; }
  // All groups in a row, sharing their memory: [count].
  torch::Tensor& values() noexcept { return values_; }
  torch::Tensor& gradient() noexcept { return gradient_; }

  // Before a step: the network's parameters have no gradient, so that backward() leaves what it computed
  // where it is instead of adding it to zeros.
  void forget_gradients();
  // After the last backward() of a step: brings the parameters' gradients to gradient().
  void gather_gradients();

 private:
  std::vector<ParameterGroup> groups_;
  torch::Tensor values_, gradient_;
  bool channels_last_;
  std::vector<torch::Tensor> parameters_;  // of the network,
  std::vector<torch::Tensor> places_;      // and the memory of each in gradient_: [count]
};

}  // namespace resnet::train
