// A ResNet in quantisation-aware training: the forward pass of training rounds weights and activations as the
// integer network will (LSQ, lsq.hpp), the one of evaluation is the integer network's.
#pragma once

#include "train/quant/integer_network.hpp"
#include "train/quant/quantized_module.hpp"
#include "train/trainable_network.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace resnet::train {

class QuantizedNetwork final : public TrainableNetwork {
 public:
  // Throws Error{invalid_argument} as resolved() does. mean and std of `preprocess` are those of the images.
  QuantizedNetwork(const Architecture& architecture, const QuantOptions& options,
                   const Preprocess& preprocess);

  const Architecture& architecture() const override { return module_->architecture(); }
  QuantizedModuleImpl& module() override { return *module_; }
  std::vector<TrainedParameter> trained_parameters() override { return usual_parameters(*module_); }

  // In evaluation: the engine's logits. The integers are made at the first call after module().eval() or
  // train(); weights that change in between go unnoticed.
  torch::Tensor forward(const torch::Tensor& images) override;

  // Step sizes from the weights as they are and from what the activations of the fp32 network are on
  // `images`: for each the range of least squared error, as `resnet quantize` chooses. BatchNorm's running
  // statistics must be those of a trained network. Computed on the CPU.
  void calibrate(const torch::Tensor& images) override;

  // With activations of 8 bits, which is all that the engine has.
  bool exportable() const override { return module_->options().activation_bits == 8; }
  // Throws also as integer_model() and validate() do.
  Model export_model(const ExportFacts& facts) const override;

  // One convolution of the training pass with its BatchNorm: x as its input leaves, fake-quantised (conv1:
  // images).
  torch::Tensor convolve(const ConvSpec& spec, const torch::Tensor& x);
  // The activation after it, with its ReLU where it has one: fake-quantised, unless it belongs to an excluded
  // part.
  torch::Tensor activate(const ConvSpec& spec, const torch::Tensor& x) const;

 private:
  torch::Tensor train_forward(const torch::Tensor& images);
  torch::Tensor fake_quantized_weight(const std::string& layer) const;

  Preprocess preprocess_;
  std::shared_ptr<QuantizedModuleImpl> module_;
  std::unique_ptr<IntegerNetwork> integers_;
  std::int64_t integers_made_at_ = -1;  // module_->mode_changes() then
};

}  // namespace resnet::train
