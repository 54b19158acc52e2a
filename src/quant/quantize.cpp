#include "quant/quantize.hpp"

#include "quant/fold.hpp"
#include "quant/kept_parts.hpp"
#include "quant/weight_scale.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/quantization.hpp>

namespace resnet::quant {
namespace {

constexpr int kUnsignedSteps = 255, kSignedSteps = 127;

double decibels(double signal, double noise) {
  return noise > 0 && signal > 0 ? 10 * std::log10(signal / noise) : 0;
}

template <class T>
Tensor make_tensor(DType dtype, Shape shape, std::vector<T> values) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return Tensor::view(dtype, std::move(shape), data, std::move(owner), false);
}

struct QuantizedWeights {
  std::vector<std::int8_t> steps;
  std::vector<double> scale;  // [outputs]
  double signal = 0, noise = 0;
};

// To whole numbers in -steps … steps. `smallest`: the least scale of each output channel.
QuantizedWeights quantize_weights(const FoldedLayer& layer, int steps, const std::vector<double>& smallest) {
  QuantizedWeights q{.steps = std::vector<std::int8_t>(layer.weight.size()), .scale = {}};
  const std::size_t k = layer.weight.size() / static_cast<std::size_t>(layer.outputs);
  for (std::size_t o = 0; o < static_cast<std::size_t>(layer.outputs); ++o) {
    const std::span<const double> w(layer.weight.data() + o * k, k);
    const WeightScale best = choose_weight_scale(w, steps, smallest[o]);
    q.scale.push_back(best.scale);
    for (std::size_t i = 0; i < k; ++i) {
      q.steps[o * k + i] = static_cast<std::int8_t>(weight_steps(w[i], 1 / best.scale, steps));
      q.signal += w[i] * w[i];
    }
    q.noise += best.squared_error;
  }
  return q;
}

class Builder {
 public:
  Builder(const Model& model, const Statistics& statistics, const QuantizeOptions& options)
      : model_(model),
        statistics_(statistics),
        options_(options),
        network_{.model = {.architecture = model.architecture,
                           .preprocess = model.preprocess,
                           .head = model.head,
                           .labels = model.labels,
                           .precision = Precision::int8,
                           .quantization = {.weight_bits = options.weight_bits, .keep = options.keep}},
                 .layers = {}} {}

  QuantizedNetwork build() {
    const Architecture& architecture = model_.architecture;
    std::string input = "conv1";  // the activation that the next block reads
    if (!keep(0, input)) add_layer("conv1", fold_stem(model_), kPixels, 1.0, choose("conv1", kUnsignedSteps));
    for (int m = 4; m < architecture.head(); ++m) {
      if (keep(m, input)) continue;
      const Module& module = architecture.modules()[static_cast<std::size_t>(m)];
      const std::string block_input = input;
      std::string shortcut = input;
      for (const ConvSpec& spec : architecture.convolutions(m)) {
        const bool down = spec.conv.ends_with("downsample.0");
        const std::string& from = down ? block_input : input;
        add_layer(spec.conv, fold(model_, spec), from, scale_.at(from),
                  choose(spec.conv, down ? kSignedSteps : kUnsignedSteps));
        (down ? shortcut : input) = spec.conv;
      }
      put_scalar(module.name + ".residual_multiplier", scale_.at(shortcut) / scale_.at(input));
    }
    if (keep(architecture.head(), input)) return std::move(network_);
    const double pooled = choose(kPooled, kUnsignedSteps);
    put_scalar("avgpool.multiplier", scale_.at(input) / pooled);
    add_layer("fc", fully_connected(model_), kPooled, pooled, 1.0);
    return std::move(network_);
  }

 private:
  // A module that stays in fp32: its tensors go over as they are. Where a quantised module reads its output,
  // that gets a scale, and `output` becomes its name. False for a module that is to be quantised.
  bool keep(int module, std::string& output) {
    const Quantization& quantization = network_.model.quantization;
    if (!keeps(quantization, model_.architecture, module)) return false;
    const std::string prefix = quantization_part(model_.architecture, module);
    for (const auto& [name, tensor] : model_.tensors) {
      const bool stem = module == 0 && name.starts_with("bn1.");
      if (stem || name.starts_with(prefix + ".")) put(name, tensor);
    }
    if (module == model_.architecture.head()) return true;
    for (const ConvSpec& spec : model_.architecture.convolutions(module)) {
      if (!spec.conv.ends_with("downsample.0")) output = spec.conv;
    }
    const std::string scale = output + ".output_scale";
    for (const TensorSpec& spec : quantized_tensors(model_.architecture, quantization)) {
      if (spec.name == scale) put_scalar(scale, choose(output, kUnsignedSteps));
    }
    return true;
  }

  // The scale of activation `name`, with a line in the report.
  double choose(const std::string& name, int steps) {
    const ActivationStatistics& s = statistics_.at(name);
    const ActivationRange range = s.choose_range(options_.range, steps);
    scale_[name] = static_cast<double>(static_cast<float>(range.limit / steps));
    network_.layers.push_back({.layer = name,
                               .output_sqnr_db = decibels(s.mean_square(), range.squared_error),
                               .output_limit = range.limit,
                               .largest = s.largest(),
                               .range = range.chosen});
    return scale_[name];
  }

  void add_layer(const std::string& name, const FoldedLayer& layer, const std::string& input,
                 double input_scale, double output_scale) {
    // A channel whose weights are next to nothing takes a coarser scale, so that its bias stays within 2^28
    // units and its multiplier above 2^-40.
    std::vector<double> smallest;
    for (const double b : layer.bias)
      smallest.push_back(std::max(std::abs(b) * 0x1p-28, output_scale * 0x1p-39) / input_scale);
    const bool first_or_last = name == "conv1" || name == "fc";
    const int bits = first_or_last ? 8 : options_.weight_bits;
    const QuantizedWeights q = quantize_weights(layer, (1 << (bits - 1)) - 1, smallest);
    if (name == "fc") network_.layers.emplace_back().layer = name;
    LayerReport& report = network_.layers.back();
    report.weight_sqnr_db = decibels(q.signal, q.noise);
    report.weights = static_cast<std::int64_t>(q.steps.size());
    report.weight_bits = bits;

    std::vector<double> bias = layer.bias;
    correct(layer, q, statistics_.at(input).channel_means(), bias);

    const auto outputs = static_cast<std::size_t>(layer.outputs);
    std::vector<std::int32_t> steps(outputs);
    std::vector<float> multiplier(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
      const double unit = input_scale * q.scale[o];
      steps[o] = static_cast<std::int32_t>(std::nearbyint(bias[o] / unit));
      multiplier[o] = static_cast<float>(unit / output_scale);
    }
    const std::int64_t n = layer.outputs;
    put(name + ".weight", make_tensor(DType::i8, weight_shape(name, layer), q.steps));
    put(name + ".bias", make_tensor(DType::i32, Shape{n}, std::move(steps)));
    put(name + ".multiplier", Tensor::adopt(Shape{n}, std::move(multiplier)));
    if (name != "fc") put_scalar(name + ".output_scale", output_scale);
  }

  static void correct(const FoldedLayer& layer, const QuantizedWeights& q,
                      const std::vector<double>& input_means, std::vector<double>& bias) {
    const auto inputs = static_cast<std::size_t>(layer.inputs), taps = static_cast<std::size_t>(layer.taps);
    for (std::size_t o = 0; o < bias.size(); ++o) {
      for (std::size_t i = 0; i < inputs; ++i) {
        double added = 0;
        for (std::size_t t = (o * inputs + i) * taps; t < (o * inputs + i + 1) * taps; ++t)
          added += q.steps[t] * q.scale[o] - layer.weight[t];
        bias[o] -= added * input_means[i];
      }
    }
  }

  Shape weight_shape(const std::string& name, const FoldedLayer& layer) const {
    if (name == "fc") return {layer.outputs, layer.inputs};
    const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(layer.taps)));
    return {layer.outputs, layer.inputs, side, side};
  }

  void put(const std::string& name, Tensor tensor) {
    network_.model.tensors.emplace(name, std::move(tensor));
  }
  void put_scalar(const std::string& name, double value) {
    put(name, Tensor::adopt(Shape{1}, {static_cast<float>(value)}));
  }

  const Model& model_;
  const Statistics& statistics_;
  const QuantizeOptions& options_;
  std::map<std::string, double, std::less<>> scale_;  // by activation
  QuantizedNetwork network_;
};

}  // namespace

QuantizedNetwork quantize(const Model& model, const CalibrationData& data, const QuantizeOptions& options) {
  if (model.precision != Precision::fp32)
    throw Error(ErrorCode::invalid_argument,
                "quantisation starts from an fp32 model; this one is quantised already");
  if (options.weight_bits != 8 && options.weight_bits != 4 && options.weight_bits != 2)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("weights of {} bits: give 8, 4 or 2", options.weight_bits));
  QuantizeOptions resolved = options;
  resolved.keep = kept_parts(model.architecture, options.keep);
  const Statistics statistics = calibrate(model, data, options.threads);
  QuantizedNetwork network = Builder(model, statistics, resolved).build();
  validate(network.model);
  return network;
}

}  // namespace resnet::quant
