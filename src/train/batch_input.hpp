// From a batch in memory to what a network takes, on its device.
#pragma once

#include "train/data/batch_loader.hpp"
#include "train/torch_version.hpp"

#include <array>
#include <deque>
#include <utility>

#include <torch/torch.h>

namespace resnet::train {

// (pixels / 255 - mean) / std: the arithmetic of preprocess_image, bit by bit.
torch::Tensor normalise(const torch::Tensor& pixels, const torch::Tensor& mean, const torch::Tensor& std);
// [1, 3, 1, 1] on the device.
torch::Tensor channel_constant(const std::array<float, 3>& values, torch::Device device);

class BatchInput {
 public:
  BatchInput(torch::Device device, bool channels_last) : device_(device), channels_last_(channels_last) {}

  // [N, 3, S, S], fp32 from 0 to 255. Copies are queued on the device; a batch's memory is held until its
  // copy is done.
  torch::Tensor pixels(const Batch& batch);
  // [N, classes]
  torch::Tensor targets(const Batch& batch) const;

 private:
  torch::Device device_;
  bool channels_last_;
  std::deque<std::pair<DeviceEvent, std::shared_ptr<std::uint8_t[]>>> copying_;
};

}  // namespace resnet::train
