#include "quant/quantize.hpp"

#include "quant/fold.hpp"
#include "quant/kept_parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/quantization.hpp>

namespace resnet::quant {
namespace {

constexpr int kUnsignedSteps = 255, kSignedSteps = 127;
constexpr const char* kPixels = "pixels";
constexpr const char* kPooled = "avgpool";

using Statistics = std::map<std::string, ActivationStatistics, std::less<>>;

// Of a number within ±2^50. The library's function is a call, and this runs a billion times.
double round_to_even(double x) {
  constexpr double kRounder = 0x1.8p52;
  return (x + kRounder) - kRounder;
}

double decibels(double signal, double noise) {
  return noise > 0 && signal > 0 ? 10 * std::log10(signal / noise) : 0;
}

template <class T>
Tensor make_tensor(DType dtype, Shape shape, std::vector<T> values) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return Tensor::view(dtype, std::move(shape), data, std::move(owner), false);
}

// The centred 8-bit pixels behind a normalised tensor, as the stem will see them.
std::vector<float> centred_pixels(std::span<const float> input, const Shape& shape, const Preprocess& p) {
  std::vector<float> pixels(input.begin(), input.end());
  const std::size_t plane = static_cast<std::size_t>(shape[2] * shape[3]);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t c = i / plane % 3;
    pixels[i] = (pixels[i] * p.std[c] + p.mean[c]) * 255.0f - std::nearbyint(255.0f * p.mean[c]);
  }
  return pixels;
}

std::vector<float> plane_means(std::span<const float> values, const Shape& shape) {
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<float> means(values.size() / plane);
  for (std::size_t p = 0; p < means.size(); ++p) {
    double sum = 0;
    for (const float v : values.subspan(p * plane, plane)) sum += static_cast<double>(v);
    means[p] = static_cast<float>(sum / static_cast<double>(plane));
  }
  return means;
}

// Both passes over the calibration data.
Statistics calibrate(const Model& model, const CalibrationData& data, const QuantizeOptions& options) {
  SessionOptions session_options;
  session_options.device = "cpu";
  session_options.backend = "cpu";
  session_options.threads = options.threads;
  const Session session(model, session_options);
  std::string last_of_network;  // the last convolution on the path, whose output is pooled
  for (const ConvSpec& spec : model.architecture.convolutions(model.architecture.head() - 1)) {
    if (!spec.conv.ends_with("downsample.0")) last_of_network = spec.conv;
  }
  Statistics statistics;
  std::vector<float> logits;
  bool any = false;
  for (const bool histogram : {false, true}) {
    const auto observe = [&](const std::string& name, std::span<const float> values, const Shape& shape) {
      ActivationStatistics& s = statistics[name];
      if (histogram) {
        s.observe_histogram(values);
      } else {
        s.observe_range(values, shape);
      }
    };
    Trace trace;
    trace.on_activation = [&](const std::string& layer, const Shape& shape, const float* values) {
      const std::span<const float> all(values, static_cast<std::size_t>(shape.numel()));
      observe(layer, all, shape);
      if (layer == last_of_network) observe(kPooled, plane_means(all, shape), Shape{shape[0], shape[1]});
    };
    data([&](std::span<const float> input, const Shape& shape) {
      any = true;
      if (!histogram) observe(kPixels, centred_pixels(input, shape, model.preprocess), shape);
      logits.resize(static_cast<std::size_t>(session.output_shape(shape).numel()));
      session.run(input, shape, logits, &trace);
    });
  }
  if (!any) throw Error(ErrorCode::invalid_argument, "quantisation needs at least one calibration picture");
  return statistics;
}

struct QuantizedWeights {
  std::vector<std::int8_t> steps;
  std::vector<double> scale;  // [outputs]
  double signal = 0, noise = 0;
};

// To whole numbers in -steps … steps. `smallest`: the least scale of each output channel.
QuantizedWeights quantize_weights(const FoldedLayer& layer, int steps, const std::vector<double>& smallest) {
  constexpr int kTries = 80;
  QuantizedWeights q{.steps = std::vector<std::int8_t>(layer.weight.size()), .scale = {}};
  const std::size_t k = layer.weight.size() / static_cast<std::size_t>(layer.outputs);
  for (std::size_t o = 0; o < static_cast<std::size_t>(layer.outputs); ++o) {
    const std::span<const double> w(layer.weight.data() + o * k, k);
    double most = 0;
    for (const double x : w) most = std::max(most, std::abs(x));
    const auto most_steps = static_cast<double>(steps);
    const auto step = [most_steps](double x, double inverse) {
      return round_to_even(std::clamp(x * inverse, -most_steps, most_steps));
    };
    double best_error = std::numeric_limits<double>::infinity(), best = 0;
    for (int i = 0; i < kTries; ++i) {
      const double scale = std::max(most / most_steps * (1.0 - 0.01 * i), smallest[o]);
      const double inverse = 1 / scale;
      double error = 0;
      for (const double x : w) {
        const double difference = x - step(x, inverse) * scale;
        error += difference * difference;
      }
      if (error < best_error) best_error = error, best = scale;
    }
    q.scale.push_back(best);
    for (std::size_t i = 0; i < k; ++i) {
      q.steps[o * k + i] = static_cast<std::int8_t>(step(w[i], 1 / best));
      q.signal += w[i] * w[i];
    }
    q.noise += best_error;
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
  const Statistics statistics = calibrate(model, data, resolved);
  QuantizedNetwork network = Builder(model, statistics, resolved).build();
  validate(network.model);
  return network;
}

}  // namespace resnet::quant
