// What quantisation-aware training quantises, and how finely. docs/qat.md draws the network.
#pragma once

#include "train/quant/levels.hpp"

#include <string>
#include <vector>

#include <resnet/architecture.hpp>
#include <resnet/quantization.hpp>

namespace resnet::train {

struct QuantOptions {
  // 8, 4, 3 or 2, of all weights but those of conv1 and fc, which have 8.
  int weight_bits = 8;
  // 8, 4, 3 or 2, of the activations that convolutions of few bits read. The shortcut's own convolution, the
  // last block and the average pool leave 8: what they leave is added up or goes to fc. The engine computes
  // with 8 only; fewer can be trained and evaluated, not exported.
  int activation_bits = 8;
  bool per_channel = true;  // a step for each output channel of the weights, or one for all of a layer's
  // Left in fp32: parts as quantization_part() names them; "layer1" is all its blocks, "head" is "fc".
  std::vector<std::string> exclude{};
};

// `options` with `exclude` as parts in the network's order. Throws Error{invalid_argument} where a number of
// bits is none of the above or a name is none of the network's.
QuantOptions resolved(const QuantOptions& options, const Architecture& architecture);

// How the model file says the same: weights of 3 bits lie in 4.
Quantization to_quantization(const QuantOptions& options);

// Of the layer "conv1", "layer1.0.conv2", "layer2.0.downsample.0", …, "fc".
Levels weight_levels(const QuantOptions& options, const std::string& layer);
// Of what a convolution leaves after its ReLU (the shortcut's: without one); "avgpool" leaves what fc reads.
Levels output_levels(const QuantOptions& options, const Architecture& architecture, const std::string& layer);

// The last convolution on the path of a module that has any: its output is the module's.
ConvSpec last_of_path(const Architecture& architecture, int module);
bool is_shortcut(const ConvSpec& spec);

}  // namespace resnet::train
