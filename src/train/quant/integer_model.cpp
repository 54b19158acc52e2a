#include "train/quant/integer_model.hpp"

#include "train/quant/lsq.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

template <class T>
Tensor make_tensor(DType dtype, Shape shape, std::vector<T> values) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return Tensor::view(dtype, std::move(shape), data, std::move(owner), false);
}

std::vector<double> doubles(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

// A layer before it becomes integers: its output is scale[o] · Σ q · input + bias[o], the input in steps.
struct Affine {
  torch::Tensor steps;        // q, [OC, IC, K, K] or [OC, IC], on the CPU in double
  std::vector<double> scale;  // [OC], of any sign
  std::vector<double> bias;   // [OC], real
};

class Writer {
 public:
  Writer(const QuantizedModuleImpl& module, const ExportFacts& facts)
      : module_(module),
        architecture_(module.architecture()),
        model_{.architecture = architecture_,
               .preprocess = facts.preprocess,
               .head = facts.head,
               .labels = facts.labels,
               .precision = Precision::int8,
               .quantization = to_quantization(module.options())} {}

  Model write() {
    copy_kept();
    if (!module_.excluded(0)) add_layer("conv1", stem(), output_step("conv1"));
    std::string input = "conv1";  // the activation that the next block reads
    for (int m = 4; m < architecture_.head(); ++m) {
      const std::string last = last_of_path(architecture_, m).conv;
      if (!module_.excluded(m)) add_block(m, input, last);
      input = last;
    }
    if (module_.excluded(architecture_.head())) return std::move(model_);
    put_scalar("avgpool.multiplier", output_step(input) / output_step("avgpool"));
    Affine fc = quantized_weights("fc", output_step("avgpool"));
    fc.bias = doubles(module_.fc()->bias);
    add_layer("fc", std::move(fc), 1.0);
    return std::move(model_);
  }

 private:
  // What excluded parts hold: torchvision's tensors, and the scales of what quantised parts read of them.
  void copy_kept() {
    const Model floats = to_model(module_, {});
    for (const TensorSpec& spec : quantized_tensors(architecture_, model_.quantization)) {
      if (const auto it = floats.tensors.find(spec.name);
          it != floats.tensors.end() && spec.dtype == DType::f32)
        model_.tensors.emplace(it->first, it->second);
    }
    for (int m = 0; m < architecture_.head(); ++m) {
      if (architecture_.convolutions(m).empty() || !module_.excluded(m)) continue;
      const std::string last = last_of_path(architecture_, m).conv;
      if (module_.output_log_step(last).defined()) put_scalar(last + ".output_scale", output_step(last));
    }
  }

  void add_block(int m, const std::string& block_input, const std::string& last) {
    std::string input = block_input, shortcut = block_input;
    for (const ConvSpec& spec : architecture_.convolutions(m)) {
      const std::string& from = is_shortcut(spec) ? block_input : input;
      Affine layer = quantized_weights(spec.conv, output_step(from));
      fold_batch_norm(spec.bn, layer);
      add_layer(spec.conv, std::move(layer), output_step(spec.conv));
      (is_shortcut(spec) ? shortcut : input) = spec.conv;
    }
    put_scalar(architecture_.modules()[static_cast<std::size_t>(m)].name + ".residual_multiplier",
               output_step(shortcut) / output_step(last));
  }

  // Of the activation that a convolution or "avgpool" leaves: the number in fp32 that the file holds.
  double output_step(const std::string& layer) const {
    return static_cast<double>(module_.output_log_step(layer).detach().exp().item<float>());
  }

  Affine quantized_weights(const std::string& layer, double input_step) const {
    const torch::NoGradGuard no_gradient;
    const torch::Tensor log_step = module_.weight_log_step(layer);
    const Levels levels = weight_levels(module_.options(), layer);
    Affine result{.steps = to_steps(module_.quantized_form(layer), log_step, levels)
                               .to(torch::kCPU, torch::kDouble)
                               .contiguous(),
                  .scale = doubles(log_step.exp()),
                  .bias = {}};
    const auto outputs = static_cast<std::size_t>(result.steps.size(0));
    result.scale.resize(outputs, result.scale.front());
    for (double& s : result.scale) s *= input_step;
    result.bias.resize(outputs);
    return result;
  }

  Affine stem() const {
    const Stem& form = module_.stem();
    Affine layer = quantized_weights("conv1", form.input_step());
    const std::vector<double> taps = doubles(layer.steps.sum({2, 3}));  // [OC, 3]
    for (std::size_t i = 0; i < taps.size(); ++i)
      layer.bias[i / 3] += layer.scale[i / 3] / form.input_step() * taps[i] * form.offset(i % 3);
    fold_batch_norm("bn1", layer);
    return layer;
  }

  void fold_batch_norm(const std::string& name, Affine& layer) const {
    const BatchNorm bn = module_.batch_norm(name);
    const std::vector<double> gamma = doubles(bn->weight), beta = doubles(bn->bias),
                              mean = doubles(bn->running_mean), var = doubles(bn->running_var);
    for (std::size_t o = 0; o < gamma.size(); ++o) {
      const double a = gamma[o] / std::sqrt(var[o] + kBatchNormEps);
      layer.scale[o] *= a;
      layer.bias[o] = beta[o] + (layer.bias[o] - mean[o]) * a;
    }
  }

  void add_layer(const std::string& name, Affine layer, double output_step) {
    const std::size_t outputs = layer.scale.size();
    const auto each = static_cast<std::size_t>(layer.steps.numel()) / outputs;
    const double* steps = layer.steps.data_ptr<double>();
    std::vector<std::int8_t> weight(outputs * each);
    std::vector<std::int32_t> bias(outputs);
    std::vector<float> multiplier(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
      // No smaller than keeps the bias within 2^30 units and the multiplier above 2^-40.
      const double unit =
          std::max({std::abs(layer.scale[o]), std::abs(layer.bias[o]) * 0x1p-30, output_step * 0x1p-39});
      for (std::size_t i = o * each; i < (o + 1) * each; ++i)
        weight[i] = static_cast<std::int8_t>(std::nearbyint(steps[i] * (layer.scale[o] / unit)));
      bias[o] = static_cast<std::int32_t>(std::nearbyint(layer.bias[o] / unit));
      multiplier[o] = static_cast<float>(unit / output_step);
    }
    const auto count = static_cast<std::int64_t>(outputs);
    put(name + ".weight", make_tensor(DType::i8, Shape(layer.steps.sizes().vec()), std::move(weight)));
    put(name + ".bias", make_tensor(DType::i32, Shape{count}, std::move(bias)));
    put(name + ".multiplier", Tensor::adopt(Shape{count}, std::move(multiplier)));
    if (name != "fc") put_scalar(name + ".output_scale", output_step);
  }

  void put(const std::string& name, Tensor tensor) { model_.tensors.emplace(name, std::move(tensor)); }
  void put_scalar(const std::string& name, double value) {
    put(name, Tensor::adopt(Shape{1}, {static_cast<float>(value)}));
  }

  const QuantizedModuleImpl& module_;
  const Architecture& architecture_;
  Model model_;
};

}  // namespace

Model integer_model(const QuantizedModuleImpl& module, const ExportFacts& facts) {
  if (facts.preprocess.mean != module.stem().mean || facts.preprocess.std != module.stem().std) {
    throw Error(
        ErrorCode::invalid_argument,
        "the network was trained with another mean and std than those to be exported: its stem holds them");
  }
  return Writer(module, facts).write();
}

}  // namespace resnet::train
