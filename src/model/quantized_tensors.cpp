#include "model/quantized_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr float kSmallestMultiplier = 0x1p-40f, kLargestMultiplier = 0x1p20f;
constexpr double kLargestStep = 0x1p30;  // of |acc| · m, so that the rounding rule's int32 holds it

constexpr std::string_view kWeight = ".weight";

void add_layer(std::vector<TensorSpec>& specs, const std::string& name, Shape weight, TensorKind kind) {
  const std::int64_t outputs = weight[0];
  specs.push_back({name + ".weight", std::move(weight), kind, DType::i8});
  specs.push_back({name + ".bias", Shape{outputs}, TensorKind::quant_param, DType::i32});
  specs.push_back({name + ".multiplier", Shape{outputs}, TensorKind::quant_param});
}

void add_scale(std::vector<TensorSpec>& specs, const std::string& name) {
  specs.push_back({name, Shape{1}, TensorKind::quant_scale});
}

// Of the layer that a quantised weight belongs to.
int bits_of(const TensorSpec& weight, const Quantization& quantization) {
  return weight.kind == TensorKind::fc_weight || weight.name == "conv1.weight" ? 8 : quantization.weight_bits;
}

bool is_quantized_weight(const TensorSpec& spec) {
  return spec.dtype == DType::i8;
}

template <class T>
std::span<const T> values(const Tensor& tensor) {
  return {reinterpret_cast<const T*>(tensor.data()), static_cast<std::size_t>(tensor.numel())};
}

// Rules 1, 3, 4 and 5 of docs/int8.md for the layer called `name`, whose inputs are at most `largest_input`.
void check_layer(const Model& model, const std::string& name, int bits, std::int64_t largest_input,
                 const std::string& file) {
  const int most = (1 << (bits - 1)) - 1;
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
      if (std::abs(w) > most) refuse(o, fmt::format("a weight is {}, outside -{}..{}", w, most, most));
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

std::string quantization_part(const Architecture& architecture, int module) {
  constexpr int kMaxPool = 3;
  if (module <= kMaxPool) return "conv1";
  return module == architecture.head() ? "fc" : architecture.modules()[static_cast<std::size_t>(module)].name;
}

bool keeps(const Quantization& quantization, const Architecture& architecture, int module) {
  const auto& keep = quantization.keep;
  return std::find(keep.begin(), keep.end(), quantization_part(architecture, module)) != keep.end();
}

std::vector<TensorSpec> quantized_tensors(const Architecture& architecture,
                                          const Quantization& quantization) {
  std::vector<TensorSpec> specs;
  const auto kept = [&](int module) { return keeps(quantization, architecture, module); };
  const auto add_float = [&](const std::string& prefix) {
    for (const TensorSpec& spec : architecture.tensors()) {
      if (spec.name.starts_with(prefix)) specs.push_back(spec);
    }
  };
  for (int m = 0; m < architecture.head(); ++m) {
    const Module& module = architecture.modules()[static_cast<std::size_t>(m)];
    const bool block = module.kind == ModuleKind::basic_block || module.kind == ModuleKind::bottleneck;
    const std::vector<ConvSpec> convolutions = architecture.convolutions(m);
    if (convolutions.empty()) continue;
    for (const ConvSpec& c : convolutions) {
      if (kept(m)) {
        add_float(c.conv + ".");
        add_float(c.bn + ".");
      } else {
        add_layer(specs, c.conv, Shape{c.out_channels, c.in_channels, c.kernel, c.kernel},
                  TensorKind::conv_weight);
        add_scale(specs, c.conv + ".output_scale");
      }
    }
    // The module that reads this one's output: what follows the stem is the first block.
    int reader = m + 1;
    while (quantization_part(architecture, reader) == quantization_part(architecture, m)) ++reader;
    if (kept(m) && !kept(reader))
      add_scale(specs,
                convolutions[convolutions.size() - (module.downsample ? 2 : 1)].conv + ".output_scale");
    if (!kept(m) && block) add_scale(specs, module.name + ".residual_multiplier");
  }
  if (kept(architecture.head())) {
    add_float("fc.");
  } else {
    const Module& head = architecture.modules().back();
    add_scale(specs, "avgpool.multiplier");
    add_layer(specs, "fc", Shape{head.out_channels, head.in_channels}, TensorKind::fc_weight);
  }
  return specs;
}

void check_quantization(const Quantization& quantization, const Architecture& architecture,
                        const std::string& file) {
  const int bits = quantization.weight_bits;
  if (bits != 8 && bits != 4 && bits != 2)
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: weights of {} bits; 8, 4 and 2 are read", file, bits));
  std::vector<std::string> kept;
  for (int m = 0; m < architecture.module_count(); ++m) {
    const std::string part = quantization_part(architecture, m);
    if (keeps(quantization, architecture, m) && (kept.empty() || kept.back() != part)) kept.push_back(part);
  }
  if (kept != quantization.keep) {
    throw Error(
        ErrorCode::bad_format,
        fmt::format("{}: what is kept in fp32 must be parts of {} (conv1, layer1.0, …, fc), each once "
                    "and in their order",
                    file, architecture.name()));
  }
}

std::vector<TensorSpec> stored_tensors(const Architecture& architecture, Precision precision,
                                       const Quantization& quantization) {
  if (precision != Precision::int8) return architecture.tensors();
  std::vector<TensorSpec> specs = quantized_tensors(architecture, quantization);
  for (TensorSpec& spec : specs) {
    const int bits = bits_of(spec, quantization);
    if (!is_quantized_weight(spec) || bits == 8) continue;
    spec.shape = Shape{spec.shape[0], spec.shape.numel() / spec.shape[0] * bits / 8};
    spec.dtype = DType::u8;
  }
  return specs;
}

Tensor to_stored(const Tensor& tensor, const TensorSpec& stored) {
  if (tensor.dtype() == stored.dtype) return tensor;
  const auto weights = values<std::int8_t>(tensor);
  const std::size_t bytes = static_cast<std::size_t>(stored.shape.numel()),
                    in_a_byte = weights.size() / bytes;
  const unsigned bits = static_cast<unsigned>(8 / in_a_byte), mask = (1u << bits) - 1;
  auto packed = std::make_shared<std::vector<std::byte>>(bytes);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const unsigned field = (static_cast<unsigned>(weights[i]) & mask) << (i % in_a_byte * bits);
    (*packed)[i / in_a_byte] |= static_cast<std::byte>(field);
  }
  const std::byte* data = packed->data();
  return Tensor::view(stored.dtype, stored.shape, data, std::move(packed), false);
}

Tensor from_stored(const Tensor& tensor, const TensorSpec& spec) {
  if (tensor.dtype() == spec.dtype) return tensor;
  const auto packed = values<std::uint8_t>(tensor);
  const std::size_t count = static_cast<std::size_t>(spec.shape.numel()), in_a_byte = count / packed.size();
  const unsigned bits = static_cast<unsigned>(8 / in_a_byte);
  auto weights = std::make_shared<std::vector<std::int8_t>>(count);
  for (std::size_t i = 0; i < count; ++i) {
    // The field is shifted to the top of its byte and back, which spreads its sign.
    const unsigned top = static_cast<unsigned>(packed[i / in_a_byte]) << (8 - bits - i % in_a_byte * bits);
    (*weights)[i] = static_cast<std::int8_t>(static_cast<std::int8_t>(top & 0xffu) >> (8 - bits));
  }
  const auto* data = reinterpret_cast<const std::byte*>(weights->data());
  return Tensor::view(spec.dtype, spec.shape, data, std::move(weights), false);
}

void check_quantized_values(const Model& model, const std::string& file) {
  for (const TensorSpec& spec : quantized_tensors(model.architecture, model.quantization)) {
    if (is_quantized_weight(spec)) {
      // The stem's centred pixels stay within ±255 too.
      check_layer(model, spec.name.substr(0, spec.name.size() - kWeight.size()),
                  bits_of(spec, model.quantization), 255, file);
    } else if (spec.kind == TensorKind::quant_scale) {
      check_positive(model, spec.name, file);
    }
  }
}

}  // namespace resnet
