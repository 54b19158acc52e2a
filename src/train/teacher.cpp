#include "train/teacher.hpp"

#include "train/batch_input.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {

Teacher::Teacher(const DistillConfig& config, const std::vector<std::string>& labels, torch::Device device,
                 bool channels_last) {
  if (config.teacher.empty()) return;
  const Model model = load_model(config.teacher);
  if (model.precision != Precision::fp32) {
    throw Error(ErrorCode::unsupported, config.teacher + ": a teacher must be an fp32 model");
  }
  if (model.labels != labels) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: its {} classes are not the {} of the data, in their order", config.teacher,
                            model.labels.size(), labels.size()));
  }
  network_.emplace(model.architecture);
  copy_weights(model, network_->module());
  network_->module().to(device);
  network_->module().eval();
  if (channels_last) {
    for (torch::Tensor& parameter : network_->module().parameters()) {
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
  mean_ = channel_constant(model.preprocess.mean, device);
  std_ = channel_constant(model.preprocess.std, device);
}

torch::Tensor Teacher::logits(const torch::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return network_->forward(normalise(pixels, mean_, std_));
}

torch::Tensor Teacher::positions(const torch::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return network_->forward_positions(normalise(pixels, mean_, std_));
}

}  // namespace resnet::train
