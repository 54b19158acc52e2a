#include "train/quant/quant_options.hpp"

#include "quant/kept_parts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

void check_bits(const char* option, int bits) {
  constexpr std::array kChoices{8, 4, 3, 2};
  if (std::find(kChoices.begin(), kChoices.end(), bits) == kChoices.end())
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: {} bits; give 8, 4, 3 or 2", option, bits));
}

}  // namespace

QuantOptions resolved(const QuantOptions& options, const Architecture& architecture) {
  check_bits("quant.weight_bits", options.weight_bits);
  check_bits("quant.activation_bits", options.activation_bits);
  QuantOptions result = options;
  result.exclude = quant::kept_parts(architecture, options.exclude);
  return result;
}

Quantization to_quantization(const QuantOptions& options) {
  return {.weight_bits = options.weight_bits == 3 ? 4 : options.weight_bits, .keep = options.exclude};
}

Levels weight_levels(const QuantOptions& options, const std::string& layer) {
  return signed_levels(layer == "conv1" || layer == "fc" ? 8 : options.weight_bits);
}

Levels output_levels(const QuantOptions& options, const Architecture& architecture,
                     const std::string& layer) {
  if (layer.ends_with(".downsample.0")) return signed_levels(8);
  const bool read_by_fc =
      layer == "avgpool" || layer == last_of_path(architecture, architecture.head() - 1).conv;
  return unsigned_levels(read_by_fc ? 8 : options.activation_bits);
}

bool is_shortcut(const ConvSpec& spec) {
  return spec.conv.ends_with(".downsample.0");
}

ConvSpec last_of_path(const Architecture& architecture, int module) {
  std::vector<ConvSpec> specs = architecture.convolutions(module);
  if (is_shortcut(specs.back())) specs.pop_back();
  return specs.back();
}

}  // namespace resnet::train
