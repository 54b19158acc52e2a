#include "train/batch_input.hpp"

namespace resnet::train {

torch::Tensor normalise(const torch::Tensor& pixels, const torch::Tensor& mean, const torch::Tensor& std) {
  return pixels.div(255).sub_(mean).div_(std);
}

torch::Tensor channel_constant(const std::array<float, 3>& values, torch::Device device) {
  return torch::tensor({values[0], values[1], values[2]}).view({1, 3, 1, 1}).to(device);
}

torch::Tensor BatchInput::pixels(const Batch& batch) {
  while (!copying_.empty() && copying_.front().first.passed()) copying_.pop_front();
  const torch::Tensor bytes =
      torch::from_blob(batch.pixels.get(), {batch.count, batch.size, batch.size, 3}, torch::kByte);
  // As bytes over the bus, a quarter of what floats take. NHWC seen as NCHW is what channels_last means.
  const torch::Tensor there = bytes.to(device_, torch::kByte, /*non_blocking=*/true).permute({0, 3, 1, 2});
  if (!device_.is_cpu()) copying_.emplace_back(DeviceEvent(device_), batch.pixels);
  return (channels_last_ ? there : there.contiguous()).to(torch::kFloat);
}

torch::Tensor BatchInput::targets(const Batch& batch) const {
  const auto classes = static_cast<std::int64_t>(batch.targets.size()) / batch.count;
  // from_blob does not copy; to() may not either, and the batch goes.
  return torch::from_blob(const_cast<float*>(batch.targets.data()), {batch.count, classes}, torch::kFloat)
      .clone()
      .to(device_, torch::kFloat, /*non_blocking=*/true);
}

}  // namespace resnet::train
