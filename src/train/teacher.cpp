#include "train/teacher.hpp"

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
                fmt::format("{}: its classes ({}) are not those of the data ({}), in their order",
                            config.teacher, model.labels.size(), labels.size()));
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
  normalise_ = Normalisation(model.preprocess, device);
}

torch::Tensor Teacher::logits(const torch::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return network_->forward(normalise_(pixels));
}

torch::Tensor Teacher::positions(const torch::Tensor& pixels) {
  const torch::NoGradGuard no_grad;
  return network_->forward_positions(normalise_(pixels));
}

}  // namespace resnet::train
