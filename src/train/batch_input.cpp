#include "train/batch_input.hpp"

#include <array>
#include <cstring>

namespace resnet::train {

namespace {

torch::Tensor channel_constant(const std::array<float, 3>& values, torch::Device device) {
  return torch::tensor({values[0], values[1], values[2]}).view({1, 3, 1, 1}).to(device);
}

}  // namespace

Normalisation::Normalisation(const Preprocess& preprocess, torch::Device device)
    : mean_(channel_constant(preprocess.mean, device)),
      std_(channel_constant(preprocess.std, device)),
      scale_(1 / (255 * std_)),
      shift_(-mean_ / std_) {}

torch::Tensor Normalisation::operator()(const torch::Tensor& pixels) const {
  if (pixels.is_cpu()) return pixels.div(255).sub_(mean_).div_(std_);
  return torch::addcmul(shift_, pixels, scale_);
}

torch::Tensor BatchInput::pixels(const Batch& batch) {
  // As bytes over the bus, a quarter of what floats take. NHWC seen as NCHW is what channels_last means.
  const torch::Tensor there = uploads_
                                  .upload(torch::from_blob(
                                      batch.pixels.get(), {batch.count, batch.size, batch.size, 3},
                                      [held = batch.pixels](void*) {}, torch::kByte))
                                  .permute({0, 3, 1, 2});
  return channels_last_ ? there : there.contiguous();
}

torch::Tensor BatchInput::targets(const Batch& batch) {
  const auto classes = static_cast<std::int64_t>(batch.targets.size()) / batch.count;
  const std::size_t bytes = batch.targets.size() * sizeof(float);
  const auto memory = allocate_for_copying(device_.type(), bytes);
  std::memcpy(memory.get(), batch.targets.data(), bytes);
  return uploads_.upload(torch::from_blob(
      memory.get(), {batch.count, classes}, [memory](void*) {}, torch::kFloat));
}

}  // namespace resnet::train
