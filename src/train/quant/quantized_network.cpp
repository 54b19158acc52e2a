#include "train/quant/quantized_network.hpp"

#include "quant/calibration.hpp"
#include "quant/weight_scale.hpp"
#include "train/quant/integer_model.hpp"
#include "train/quant/lsq.hpp"

#include <cmath>
#include <span>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr double kSmallestStep = 1e-8;  // of a channel whose weights are all zero

void set(const torch::Tensor& log_step, const std::vector<double>& steps) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor(log_step).copy_(torch::tensor(steps, torch::kDouble).log());
}

// For each index of the first dimension, or for all weights together.
std::vector<double> best_steps(const torch::Tensor& weight, std::int64_t count, Levels levels) {
  const torch::Tensor values = weight.detach().to(torch::kCPU, torch::kDouble).contiguous();
  const auto each = static_cast<std::size_t>(values.numel() / count);
  std::vector<double> steps;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::span<const double> part(values.data_ptr<double>() + static_cast<std::size_t>(i) * each, each);
    steps.push_back(quant::choose_weight_scale(part, levels.high, kSmallestStep).scale);
  }
  return steps;
}

// `images` a few at a time, as calibration takes them.
quant::CalibrationData calibration_data(const torch::Tensor& images) {
  constexpr std::int64_t kTogether = 8;
  const torch::Tensor values = images.detach().to(torch::kCPU, torch::kFloat).contiguous();
  return [values](const auto& visit) {
    for (const torch::Tensor& some : values.split(kTogether)) {
      const std::span<const float> span(some.data_ptr<float>(), static_cast<std::size_t>(some.numel()));
      visit(span, Shape(some.sizes().vec()));
    }
  };
}

}  // namespace

QuantizedNetwork::QuantizedNetwork(const Architecture& architecture, const QuantOptions& options,
                                   const Preprocess& preprocess)
    : preprocess_(preprocess),
      module_(
          std::make_shared<QuantizedModuleImpl>(architecture, resolved(options, architecture), preprocess)) {}

torch::Tensor QuantizedNetwork::forward(const torch::Tensor& images) {
  if (module_->is_training()) return train_forward(images);
  if (integers_made_at_ != module_->mode_changes()) {
    const Model model = integer_model(*module_, {.preprocess = preprocess_});
    integers_ = std::make_unique<IntegerNetwork>(model, module_->options(), images.device());
    integers_made_at_ = module_->mode_changes();
  }
  return integers_->forward(images);
}

torch::Tensor QuantizedNetwork::fake_quantized_weight(const std::string& layer) const {
  const torch::Tensor weight = module_->quantized_form(layer), log_step = module_->weight_log_step(layer);
  const std::int64_t sharing = weight.numel() / log_step.numel();
  return fake_quantize(weight, log_step, weight_levels(module_->options(), layer), sharing);
}

torch::Tensor QuantizedNetwork::convolve(const ConvSpec& spec, const torch::Tensor& x) {
  BatchNorm bn = module_->batch_norm(spec.bn);
  if (!module_->weight_log_step(spec.conv).defined())
    return bn->forward(module_->convolution(spec.conv)->forward(x));
  const torch::Tensor weight = fake_quantized_weight(spec.conv);
  if (spec.conv != "conv1") return bn->forward(torch::conv2d(x, weight, {}, spec.stride, spec.padding));
  return bn->forward(
      torch::conv2d(module_->stem_input(x), weight, module_->stem_offset(weight), spec.stride, spec.padding));
}

torch::Tensor QuantizedNetwork::activate(const ConvSpec& spec, const torch::Tensor& x) const {
  const torch::Tensor log_step = module_->output_log_step(spec.conv);
  if (!log_step.defined()) return is_shortcut(spec) ? x : x.relu();
  const Levels levels = output_levels(module_->options(), architecture(), spec.conv);
  return fake_quantize(x, log_step, levels, x.numel() / x.size(0));
}

torch::Tensor QuantizedNetwork::train_forward(const torch::Tensor& images) {
  const Architecture& net = architecture();
  const ConvSpec stem = net.convolutions(0).front();
  // Rounding leaves the order of values: pooled first, there is a quarter to round, and the gradient goes to
  // the largest value where several are rounded to the same.
  torch::Tensor x = activate(stem, torch::max_pool2d(convolve(stem, images), 3, 2, 1));
  for (int m = 4; m < net.head(); ++m) {
    const torch::Tensor input = x;
    torch::Tensor shortcut = input;
    const ConvSpec last = last_of_path(net, m);
    for (const ConvSpec& spec : net.convolutions(m)) {
      if (is_shortcut(spec)) {
        shortcut = activate(spec, convolve(spec, input));
      } else if (spec.conv != last.conv) {
        x = activate(spec, convolve(spec, x));
      } else {
        x = convolve(spec, x);
      }
    }
    x = activate(last, x + shortcut);
  }
  torch::Tensor pooled = x.mean({2, 3}, false, torch::kFloat);
  if (const torch::Tensor log_step = module_->output_log_step("avgpool"); log_step.defined())
    pooled =
        fake_quantize(pooled, log_step, output_levels(module_->options(), net, "avgpool"), pooled.size(1));
  const torch::Tensor weight =
      module_->weight_log_step("fc").defined() ? fake_quantized_weight("fc") : module_->fc()->weight;
  return torch::linear(pooled, weight, module_->fc()->bias);
}

void QuantizedNetwork::calibrate(const torch::Tensor& images) {
  const QuantOptions& options = module_->options();
  const auto set_weight_step = [&](const std::string& layer) {
    const torch::Tensor log_step = module_->weight_log_step(layer);
    if (log_step.defined())
      set(log_step,
          best_steps(module_->quantized_form(layer), log_step.numel(), weight_levels(options, layer)));
  };
  const quant::Statistics statistics =
      quant::calibrate(to_model(*module_, {.preprocess = preprocess_}), calibration_data(images), 0);
  const auto set_output_step = [&](const std::string& layer) {
    const torch::Tensor log_step = module_->output_log_step(layer);
    if (!log_step.defined()) return;
    const Levels levels = output_levels(options, architecture(), layer);
    const double limit = statistics.at(layer).choose_range(quant::RangeMethod::automatic, levels.high).limit;
    set(log_step, {limit / levels.high});
  };
  for (int m = 0; m < architecture().head(); ++m) {
    for (const ConvSpec& spec : architecture().convolutions(m)) {
      set_weight_step(spec.conv);
      set_output_step(spec.conv);
    }
  }
  set_weight_step("fc");
  set_output_step("avgpool");
}

Model QuantizedNetwork::export_model(const ExportFacts& facts) const {
  if (!exportable()) {
    throw Error(ErrorCode::unsupported,
                fmt::format("activations of {} bits can be trained and evaluated, but the INT8 engine has "
                            "none: train with quant.activation_bits=8 to export",
                            module_->options().activation_bits));
  }
  Model model = integer_model(*module_, facts);
  validate(model);
  return model;
}

}  // namespace resnet::train
