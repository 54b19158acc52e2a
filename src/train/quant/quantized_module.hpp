// The layers of a ResNet with what quantisation adds to them: step sizes as parameters beside the weights.
//
//   CONV.weight_log_step   ln s of the weights: [OC], or [1] with one step a layer
//   CONV.output_log_step   ln s of what the convolution leaves, [1]
//   fc.weight_log_step, fc.input_log_step    the latter of the pooled features
//
// BatchNorm stays what it is while training; weights are quantised without it. Excluded parts have no steps,
// but for the output_log_step of a part that a quantised one reads.
#pragma once

#include "train/network.hpp"
#include "train/quant/quant_options.hpp"

#include <array>
#include <map>
#include <string>

#include <torch/torch.h>

#include <resnet/preprocess.hpp>

namespace resnet::train {

// The stem reads centred 8-bit pixels p − z (docs/int8.md, rule 2). Written as real numbers of the normalised
// picture's size, so that weights and steps keep the size of other layers':
//
//   input   (p − z) · 1/(255·σ)                σ: the geometric mean of the three std, one for all channels
//   weight  w[c] · σ/std[c]
//   offset  Σ weight · (z[c]/255 − mean[c])/σ   over all taps, added to each output
//
// Their convolution is the one of w with the normalised picture, padded with the colour z.
struct Stem {
  explicit Stem(const Preprocess& preprocess);
  std::array<float, 3> mean, std;
  std::array<double, 3> centre;  // z
  double sigma;                  // σ
  double input_step() const { return 1 / (255 * sigma); }
  double weight_factor(std::size_t channel) const { return sigma / static_cast<double>(std[channel]); }
  double offset(std::size_t channel) const {
    return (centre[channel] / 255 - static_cast<double>(mean[channel])) / sigma;
  }
};

class QuantizedModuleImpl final : public NetworkModuleImpl {
 public:
  // Steps are 1 until they are set. `options` as resolved() gives them.
  QuantizedModuleImpl(const Architecture& architecture, const QuantOptions& options,
                      const Preprocess& preprocess);

  const QuantOptions& options() const noexcept { return options_; }
  const Stem& stem() const noexcept { return stem_; }
  bool excluded(int module) const;

  // By convolution or "fc"; undefined where the layer has none.
  torch::Tensor weight_log_step(const std::string& layer) const;
  // By convolution or "avgpool"; undefined where the activation is not quantised.
  torch::Tensor output_log_step(const std::string& layer) const;

  // The weights of a convolution or fc as they are quantised: conv1's with Stem's factor. Differentiable.
  torch::Tensor quantized_form(const std::string& layer) const;
  // Stem's input from a normalised picture, which is not rounded: mixed and jittered ones are none of whole
  // pixels.
  torch::Tensor stem_input(const torch::Tensor& images) const;
  // Stem's offset of weights [OC, 3, K, K]. Differentiable.
  torch::Tensor stem_offset(const torch::Tensor& weight) const;

  // How often train() or eval() was called: what is derived from weights holds until the next call.
  std::int64_t mode_changes() const noexcept { return mode_changes_; }
  void train(bool on = true) override;

 private:
  torch::Tensor add_step(torch::nn::Module& layer, const std::string& name, std::int64_t count);

  QuantOptions options_;
  Stem stem_;
  std::map<std::string, torch::Tensor> weight_steps_, output_steps_;
  // [1, 3, 1, 1], on the device that they were used on last.
  struct StemTensors {
    torch::Tensor factor, offset;
  };
  const StemTensors& stem_tensors(torch::Device device) const;
  mutable StemTensors stem_tensors_;
  std::int64_t mode_changes_ = 0;
};

}  // namespace resnet::train
