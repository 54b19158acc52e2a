#include "quant/fold.hpp"

#include <cmath>

namespace resnet::quant {

FoldedLayer fold(const Model& model, const ConvSpec& spec) {
  const auto weight = model.tensor(spec.conv + ".weight").f32();
  const auto gamma = model.tensor(spec.bn + ".weight").f32(), beta = model.tensor(spec.bn + ".bias").f32();
  const auto mean = model.tensor(spec.bn + ".running_mean").f32(),
             var = model.tensor(spec.bn + ".running_var").f32();
  FoldedLayer layer{.outputs = spec.out_channels,
                    .inputs = spec.in_channels,
                    .taps = spec.kernel * spec.kernel,
                    .weight = std::vector<double>(weight.begin(), weight.end()),
                    .bias = std::vector<double>(static_cast<std::size_t>(spec.out_channels))};
  const std::size_t k = weight.size() / gamma.size();
  for (std::size_t o = 0; o < gamma.size(); ++o) {
    const double scale =
        static_cast<double>(gamma[o]) / std::sqrt(static_cast<double>(var[o]) + kBatchNormEps);
    for (std::size_t i = o * k; i < (o + 1) * k; ++i) layer.weight[i] *= scale;
    layer.bias[o] = static_cast<double>(beta[o]) - static_cast<double>(mean[o]) * scale;
  }
  return layer;
}

FoldedLayer fully_connected(const Model& model) {
  const Tensor& weight = model.tensor("fc.weight");
  const auto w = weight.f32(), b = model.tensor("fc.bias").f32();
  return {.outputs = static_cast<int>(weight.shape()[0]),
          .inputs = static_cast<int>(weight.shape()[1]),
          .taps = 1,
          .weight = std::vector<double>(w.begin(), w.end()),
          .bias = std::vector<double>(b.begin(), b.end())};
}

FoldedLayer fold_stem(const Model& model) {
  FoldedLayer layer = fold(model, model.architecture.convolutions(0).front());
  const auto taps = static_cast<std::size_t>(layer.taps), inputs = static_cast<std::size_t>(layer.inputs);
  for (std::size_t i = 0; i < layer.weight.size(); ++i) {
    const std::size_t c = i / taps % inputs;
    const double mean = 255.0 * static_cast<double>(model.preprocess.mean[c]);
    layer.weight[i] /= 255.0 * static_cast<double>(model.preprocess.std[c]);
    layer.bias[i / taps / inputs] += layer.weight[i] * (std::nearbyint(mean) - mean);
  }
  return layer;
}

}  // namespace resnet::quant
