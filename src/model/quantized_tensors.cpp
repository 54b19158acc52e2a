#include "model/quantized_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr float kSmallestMultiplier = 0x1p-40f, kLargestMultiplier = 0x1p20f;
constexpr double kLargestStep = 0x1p30;  // of |acc| · m, so that the rounding rule's int32 holds it

void add_layer(std::vector<QuantizedTensorSpec>& specs, const std::string& name, Shape weight) {
  const std::int64_t outputs = weight[0];
  specs.push_back({name + ".weight", std::move(weight), DType::i8});
  specs.push_back({name + ".bias", Shape{outputs}, DType::i32});
  specs.push_back({name + ".multiplier", Shape{outputs}, DType::f32});
}

template <class T>
std::span<const T> values(const Tensor& tensor) {
  return {reinterpret_cast<const T*>(tensor.data()), static_cast<std::size_t>(tensor.numel())};
}

// Rules 1, 3, 4 and 5 of docs/int8.md for the layer called `name`, whose inputs are at most `largest_input`.
void check_layer(const Model& model, const std::string& name, std::int64_t largest_input,
                 const std::string& file) {
  const auto weight = values<std::int8_t>(model.tensor(name + ".weight"));
  const auto bias = values<std::int32_t>(model.tensor(name + ".bias"));
  const auto multiplier = values<float>(model.tensor(name + ".multiplier"));
  const std::size_t k = weight.size() / bias.size();
  const auto refuse = [&](std::size_t channel, const std::string& what) {
    throw Error(ErrorCode::bad_format, fmt::format("{}: {}, output channel {}: {}; quantise the model again",
                                                   file, name, channel, what));
  };
  for (std::size_t o = 0; o < bias.size(); ++o) {
    std::int64_t sum = 0;
    for (const std::int8_t w : weight.subspan(o * k, k)) {
      if (w == -128) refuse(o, "a weight is -128, outside -127..127");
      sum += std::abs(w);
    }
    const std::int64_t largest = sum * largest_input + std::abs(std::int64_t{bias[o]});
    if (largest >= std::int64_t{1} << 31) refuse(o, "its sum could overflow 32 bits");
    const float m = multiplier[o];
    if (!(m >= kSmallestMultiplier && m <= kLargestMultiplier))
      refuse(o, fmt::format("its multiplier {} is outside 2^-40..2^20", m));
    if (static_cast<double>(largest) * static_cast<double>(m) >= kLargestStep)
      refuse(o, "its scaled sum could exceed 2^30");
  }
}

void check_positive(const Model& model, const std::string& name, const std::string& file) {
  const float value = values<float>(model.tensor(name))[0];
  if (!(value >= kSmallestMultiplier && value <= kLargestMultiplier)) {
    throw Error(
        ErrorCode::bad_format,
        fmt::format("{}: {} is {}, outside 2^-40..2^20; quantise the model again", file, name, value));
  }
}

}  // namespace

std::vector<QuantizedTensorSpec> quantized_tensors(const Architecture& architecture) {
  std::vector<QuantizedTensorSpec> specs;
  for (int m = 0; m < architecture.head(); ++m) {
    const Module& module = architecture.modules()[static_cast<std::size_t>(m)];
    for (const ConvSpec& c : architecture.convolutions(m)) {
      add_layer(specs, c.conv, Shape{c.out_channels, c.in_channels, c.kernel, c.kernel});
      specs.push_back({c.conv + ".output_scale", Shape{1}, DType::f32});
    }
    if (module.kind == ModuleKind::basic_block || module.kind == ModuleKind::bottleneck)
      specs.push_back({module.name + ".residual_multiplier", Shape{1}, DType::f32});
  }
  specs.push_back({"avgpool.multiplier", Shape{1}, DType::f32});
  const Module& head = architecture.modules().back();
  add_layer(specs, "fc", Shape{head.out_channels, head.in_channels});
  return specs;
}

void check_quantized_values(const Model& model, const std::string& file) {
  for (const QuantizedTensorSpec& spec : quantized_tensors(model.architecture)) {
    if (spec.name.ends_with(".weight")) {
      // The stem's centred pixels stay within ±255 too.
      check_layer(model, spec.name.substr(0, spec.name.size() - 7), 255, file);
    } else if (spec.shape == Shape{1} && spec.dtype == DType::f32) {
      check_positive(model, spec.name, file);
    }
  }
}

}  // namespace resnet
