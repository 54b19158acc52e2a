// From a batch in memory to what a network takes, on its device.
#pragma once

#include "train/data/batch_loader.hpp"
#include "train/torch_version.hpp"

#include <torch/torch.h>

#include <resnet/preprocess.hpp>

namespace resnet::train {

// (pixels / 255 - mean) / std, pixels being bytes [N, 3, S, S]. On the CPU it is the arithmetic of
// preprocess_image, bit by bit; a GPU, which differs from it in every convolution anyway, makes one pass over
// the memory instead of three.
class Normalisation {
 public:
  Normalisation() = default;
  Normalisation(const Preprocess& preprocess, torch::Device device);

  torch::Tensor operator()(const torch::Tensor& pixels) const;

 private:
  torch::Tensor mean_, std_;     // [1, 3, 1, 1], as the others
  torch::Tensor scale_, shift_;  // 1 / (255 std), -mean / std
};

class BatchInput {
 public:
  BatchInput(torch::Device device, bool channels_last)
      : device_(device), channels_last_(channels_last), uploads_(device) {}

  // [N, 3, S, S], bytes; on the CPU it shares the batch's memory and holds it.
  torch::Tensor pixels(const Batch& batch);
  // [N, classes], fp32
  torch::Tensor targets(const Batch& batch);

 private:
  torch::Device device_;
  bool channels_last_;
  Uploads uploads_;
};

}  // namespace resnet::train
