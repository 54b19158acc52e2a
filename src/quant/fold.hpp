// A convolution with its BatchNorm folded in, in double: what quantisation starts from.
#pragma once

#include <vector>

#include <resnet/model.hpp>

namespace resnet::quant {

struct FoldedLayer {
  int outputs = 0, inputs = 0, taps = 1;  // taps: kernel height times width
  std::vector<double> weight;             // [outputs][inputs][taps]
  std::vector<double> bias;               // [outputs]
};

FoldedLayer fold(const Model& model, const ConvSpec& spec);
FoldedLayer fully_connected(const Model& model);

// The stem as it works on centred pixels p − z (docs/int8.md, rule 2): 1/(255·std) goes into the weights,
// z − 255·mean into the bias.
FoldedLayer fold_stem(const Model& model);

}  // namespace resnet::quant
