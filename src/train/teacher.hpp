// A trained model whose answers the student learns, at the same crops.
#pragma once

#include "train/batch_input.hpp"
#include "train/config.hpp"
#include "train/network.hpp"

#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

namespace resnet::train {

class Teacher {
 public:
  // Throws what load_model throws, and Error{shape_mismatch} where it has other classes than the data.
  Teacher(const DistillConfig& config, const std::vector<std::string>& labels, torch::Device device,
          bool channels_last);

  bool enabled() const noexcept { return network_.has_value(); }
  // pixels: [N, 3, S, S], bytes, which it normalises in its own way. Gives [N, classes].
  torch::Tensor logits(const torch::Tensor& pixels);
  // [N, positions, classes]: their mean is logits().
  torch::Tensor positions(const torch::Tensor& pixels);

 private:
  std::optional<Network> network_;
  Normalisation normalise_;
};

}  // namespace resnet::train
