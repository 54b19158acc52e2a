#include "train/quant/integer_network.hpp"

#include <cmath>
#include <utility>

namespace resnet::train {
namespace {

constexpr double kLargestInput = 255;
constexpr double kExactSingle = 0x1p24;  // whole numbers below it have no gaps in fp32
constexpr double kHighPart = 16;

torch::Tensor as_channels(const torch::Tensor& values) {
  return values.view({1, -1, 1, 1});
}

torch::Tensor clamp_round(torch::Tensor x, Levels levels) {
  return x.clamp_(levels.low, levels.high).round_();
}

}  // namespace

IntegerNetwork::IntegerNetwork(const Model& model, const QuantOptions& options, torch::Device device)
    : device_(device) {
  const Architecture& architecture = model.architecture;
  std::vector<float> mean, std, centre;
  for (std::size_t c = 0; c < 3; ++c) {
    mean.push_back(model.preprocess.mean[c]);
    std.push_back(model.preprocess.std[c]);
    centre.push_back(static_cast<float>(std::nearbyint(255.0 * static_cast<double>(mean.back()))));
  }
  mean_ = as_channels(torch::tensor(mean)).to(device);
  std_ = as_channels(torch::tensor(std)).to(device);
  centre_ = as_channels(torch::tensor(centre)).to(device);
  for (int m = 0; m < architecture.head(); ++m) {
    if (architecture.convolutions(m).empty()) continue;
    Block part{.kept = keeps(model.quantization, architecture, m)};
    for (const ConvSpec& spec : architecture.convolutions(m)) {
      if (part.kept) {
        (is_shortcut(spec) ? part.float_shortcut : part.float_path).push_back(make_float_layer(model, spec));
      } else {
        (is_shortcut(spec) ? part.shortcut : part.path).push_back(make_layer(model, options, spec));
      }
    }
    const resnet::Module& module = architecture.modules()[static_cast<std::size_t>(m)];
    if (!part.kept && m > 0)
      part.residual_multiplier =
          static_cast<double>(model.tensor(module.name + ".residual_multiplier").f32()[0]);
    const std::string last = last_of_path(architecture, m).conv;
    if (const auto it = model.tensors.find(last + ".output_scale"); it != model.tensors.end())
      part.output_scale = static_cast<double>(it->second.f32()[0]);
    part.output_levels = output_levels(options, architecture, last);
    parts_.push_back(std::move(part));
  }
  head_kept_ = keeps(model.quantization, architecture, architecture.head());
  const auto type = head_kept_ ? torch::kFloat : torch::kDouble;
  fc_weight_ = on_device(model.tensor("fc.weight")).to(type);
  fc_bias_ = on_device(model.tensor("fc.bias")).to(type);
  if (head_kept_) return;
  fc_multiplier_ = on_device(model.tensor("fc.multiplier"));
  pool_multiplier_ = static_cast<double>(model.tensor("avgpool.multiplier").f32()[0]);
}

torch::Tensor IntegerNetwork::on_device(const Tensor& tensor) const {
  const auto type = tensor.dtype() == DType::i8    ? torch::kChar
                    : tensor.dtype() == DType::i32 ? torch::kInt
                                                   : torch::kFloat;
  // from_blob takes no const data, and the copy that follows changes none.
  return torch::from_blob(const_cast<std::byte*>(tensor.data()), tensor.shape().dims(), type)
      .to(device_, type, false, true);
}

IntegerNetwork::Sum IntegerNetwork::make_sum(const Tensor& weight) const {
  const torch::Tensor w = on_device(weight).to(torch::kDouble);
  if (!device_.is_cpu()) return {.weights = {w}, .factors = {1}};
  const torch::Tensor largest = w.abs().flatten(1).sum(1) * kLargestInput;
  if (largest.max().item<double>() < kExactSingle) return {.weights = {w.to(torch::kFloat)}, .factors = {1}};
  const torch::Tensor high = (w / kHighPart).round_();
  return {.weights = {high.to(torch::kFloat), (w - high * kHighPart).to(torch::kFloat)},
          .factors = {kHighPart, 1}};
}

IntegerNetwork::Layer IntegerNetwork::make_layer(const Model& model, const QuantOptions& options,
                                                 const ConvSpec& spec) const {
  return {.spec = spec,
          .sum = make_sum(model.tensor(spec.conv + ".weight")),
          .bias = as_channels(on_device(model.tensor(spec.conv + ".bias")).to(torch::kDouble)),
          .multiplier = as_channels(on_device(model.tensor(spec.conv + ".multiplier"))),
          .levels = output_levels(options, model.architecture, spec.conv)};
}

IntegerNetwork::FloatLayer IntegerNetwork::make_float_layer(const Model& model, const ConvSpec& spec) const {
  const auto of_bn = [&](const char* name) { return on_device(model.tensor(spec.bn + name)); };
  return {.spec = spec,
          .weight = on_device(model.tensor(spec.conv + ".weight")),
          .gamma = of_bn(".weight"),
          .beta = of_bn(".bias"),
          .mean = of_bn(".running_mean"),
          .var = of_bn(".running_var")};
}

// f32(acc + bias) ⊗ m
torch::Tensor IntegerNetwork::scaled_sum(const Layer& layer, const torch::Tensor& steps) const {
  torch::Tensor sum = layer.bias;
  for (std::size_t i = 0; i < layer.sum.weights.size(); ++i) {
    const torch::Tensor& weight = layer.sum.weights[i];
    const torch::Tensor part =
        torch::conv2d(steps.to(weight.scalar_type()), weight, {}, layer.spec.stride, layer.spec.padding);
    // A convolution by transforms (a GPU's, in fp64) leaves the whole number by a little.
    sum = sum + part.to(torch::kDouble).round_() * layer.sum.factors[i];
  }
  return sum.to(torch::kFloat).mul_(layer.multiplier);
}

torch::Tensor IntegerNetwork::run_layer(const Layer& layer, const torch::Tensor& steps,
                                        const Watch& watch) const {
  const torch::Tensor result = clamp_round(scaled_sum(layer, steps), layer.levels);
  if (watch) watch(layer.spec.conv, result);
  return result;
}

torch::Tensor IntegerNetwork::run_float_layer(const FloatLayer& layer, const torch::Tensor& x) const {
  const torch::Tensor y = torch::conv2d(x, layer.weight, {}, layer.spec.stride, layer.spec.padding);
  return torch::batch_norm(y, layer.gamma, layer.beta, layer.mean, layer.var, false, 0, kBatchNormEps, false);
}

IntegerNetwork::Activation IntegerNetwork::run_stem(const torch::Tensor& images, const Watch& watch) const {
  const Block& stem = parts_.front();
  if (stem.kept)
    return {torch::max_pool2d(run_float_layer(stem.float_path.front(), images).relu_(), 3, 2, 1), {}};
  const torch::Tensor pixels =
      clamp_round(images.mul(std_).add_(mean_).mul_(kLargestInput), unsigned_levels(8));
  return {torch::max_pool2d(run_layer(stem.path.front(), pixels.sub_(centre_), watch), 3, 2, 1),
          stem.output_scale};
}

IntegerNetwork::Activation IntegerNetwork::run_block(const Block& block, const Activation& input,
                                                     const Watch& watch) const {
  torch::Tensor x = input.values;
  if (block.kept) {
    if (input.scale) x = x * *input.scale;
    const torch::Tensor shortcut =
        block.float_shortcut.empty() ? x : run_float_layer(block.float_shortcut.front(), x);
    for (const FloatLayer& layer : block.float_path) {
      x = run_float_layer(layer, x);
      if (&layer == &block.float_path.back()) x.add_(shortcut);
      x.relu_();
    }
    return {x, {}};
  }
  const torch::Tensor shortcut = block.shortcut.empty() ? x : run_layer(block.shortcut.front(), x, watch);
  for (std::size_t i = 0; i + 1 < block.path.size(); ++i) x = run_layer(block.path[i], x, watch);
  // Two products and their sum, each rounded once.
  x = scaled_sum(block.path.back(), x).add_(shortcut.mul(block.residual_multiplier));
  x = clamp_round(x, block.output_levels);
  if (watch) watch(block.path.back().spec.conv, x);
  return {x, block.output_scale};
}

torch::Tensor IntegerNetwork::run_head(const Activation& input, const Watch& watch) const {
  const torch::Tensor& x = input.values;
  if (head_kept_) {
    const torch::Tensor real = input.scale ? x * *input.scale : x;
    return torch::linear(real.mean({2, 3}), fc_weight_, fc_bias_);
  }
  const auto multiplier = static_cast<float>(pool_multiplier_ / static_cast<double>(x.size(2) * x.size(3)));
  const torch::Tensor pooled =
      clamp_round(x.sum({2, 3}).mul_(static_cast<double>(multiplier)), unsigned_levels(8));
  if (watch) watch("avgpool", pooled);
  return torch::linear(pooled.to(torch::kDouble), fc_weight_, fc_bias_)
      .round_()
      .to(torch::kFloat)
      .mul_(fc_multiplier_);
}

torch::Tensor IntegerNetwork::forward(const torch::Tensor& images, const Watch& watch) const {
  const torch::NoGradGuard no_gradient;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  Activation x = run_stem(images, watch);
  for (std::size_t i = 0;; ++i) {
    // A kept part's output, where a quantised part reads it.
    if (const Block& part = parts_[i]; part.kept && part.output_scale)
      x = {clamp_round(x.values / *part.output_scale, part.output_levels), part.output_scale};
    if (i + 1 == parts_.size()) return run_head(x, watch);
    x = run_block(parts_[i + 1], x, watch);
  }
}

}  // namespace resnet::train
