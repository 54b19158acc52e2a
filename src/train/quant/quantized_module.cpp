#include "train/quant/quantized_module.hpp"

#include <cmath>
#include <vector>

namespace resnet::train {
namespace {

torch::Tensor find(const std::map<std::string, torch::Tensor>& steps, const std::string& layer) {
  const auto it = steps.find(layer);
  return it == steps.end() ? torch::Tensor() : it->second;
}

}  // namespace

Stem::Stem(const Preprocess& preprocess) : mean(preprocess.mean), std(preprocess.std), centre{}, sigma(1) {
  for (std::size_t c = 0; c < 3; ++c) {
    centre[c] = std::nearbyint(255.0 * static_cast<double>(mean[c]));
    sigma *= static_cast<double>(std[c]);
  }
  sigma = std::cbrt(sigma);
}

QuantizedModuleImpl::QuantizedModuleImpl(const Architecture& architecture, const QuantOptions& options,
                                         const Preprocess& preprocess)
    : NetworkModuleImpl(architecture), options_(options), stem_(preprocess) {
  const auto weight_step = [&](torch::nn::Module& layer, const std::string& name, int outputs) {
    weight_steps_[name] = add_step(layer, "weight_log_step", options_.per_channel ? outputs : 1);
  };
  for (int m = 0; m < architecture.head(); ++m) {
    const std::vector<ConvSpec> specs = architecture.convolutions(m);
    if (specs.empty()) continue;
    int reader = m + 1;  // of the module's output; what follows the stem is the first block
    while (quantization_part(architecture, reader) == quantization_part(architecture, m)) ++reader;
    const std::string last = last_of_path(architecture, m).conv;
    for (const ConvSpec& spec : specs) {
      torch::nn::Module& layer = *convolution(spec.conv);
      if (!excluded(m)) weight_step(layer, spec.conv, spec.out_channels);
      if (!excluded(m) || (spec.conv == last && !excluded(reader)))
        output_steps_[spec.conv] = add_step(layer, "output_log_step", 1);
    }
  }
  if (excluded(architecture.head())) return;
  weight_step(*fc(), "fc", architecture.classes());
  output_steps_["avgpool"] = add_step(*fc(), "input_log_step", 1);
}

torch::Tensor QuantizedModuleImpl::add_step(torch::nn::Module& layer, const std::string& name,
                                            std::int64_t count) {
  return layer.register_parameter(name, torch::zeros({count}));
}

bool QuantizedModuleImpl::excluded(int module) const {
  return keeps(to_quantization(options_), architecture(), module);
}

torch::Tensor QuantizedModuleImpl::weight_log_step(const std::string& layer) const {
  return find(weight_steps_, layer);
}

torch::Tensor QuantizedModuleImpl::output_log_step(const std::string& layer) const {
  return find(output_steps_, layer);
}

torch::Tensor QuantizedModuleImpl::quantized_form(const std::string& layer) const {
  if (layer == "fc") return fc()->weight;
  const torch::Tensor weight = convolution(layer)->weight;
  return layer == "conv1" ? weight * stem_tensors(weight.device()).factor : weight;
}

torch::Tensor QuantizedModuleImpl::stem_input(const torch::Tensor& images) const {
  const auto& [factor, offset] = stem_tensors(images.device());
  return images / factor - offset;
}

torch::Tensor QuantizedModuleImpl::stem_offset(const torch::Tensor& weight) const {
  return (weight.sum({2, 3}, true) * stem_tensors(weight.device()).offset).sum({1, 2, 3});
}

const QuantizedModuleImpl::StemTensors& QuantizedModuleImpl::stem_tensors(torch::Device device) const {
  if (!stem_tensors_.factor.defined() || stem_tensors_.factor.device() != device) {
    std::vector<float> factor, offset;
    for (std::size_t c = 0; c < 3; ++c) {
      factor.push_back(static_cast<float>(stem_.weight_factor(c)));
      offset.push_back(static_cast<float>(stem_.offset(c)));
    }
    stem_tensors_ = {torch::tensor(factor).view({1, 3, 1, 1}).to(device),
                     torch::tensor(offset).view({1, 3, 1, 1}).to(device)};
  }
  return stem_tensors_;
}

void QuantizedModuleImpl::train(bool on) {
  ++mode_changes_;
  NetworkModuleImpl::train(on);
}

}  // namespace resnet::train
