// What a quantised model is made of. How it computes is written down in docs/int8.md.
//
// A Model with precision int8 holds these tensors instead of torchvision's. For every convolution C of the
// architecture ("conv1", "layer1.0.conv1", "layer2.0.downsample.0", …), BatchNorm folded in:
//
//   C.weight        i8  [OC, IC, K, K], in [-127, 127]; of 4-bit weights in [-7, 7], of 2-bit ones in [-1, 1]
//   C.bias          i32 [OC], added to the accumulator
//   C.multiplier    f32 [OC], accumulator → output steps: input scale · weight scale / output scale
//   C.output_scale  f32 [1], the real value of one step of C's output
//
// for every block B, B.residual_multiplier f32 [1]: steps of the shortcut → steps of the block's output; for
// the head avgpool.multiplier f32 [1] (steps of its input → steps of its output, for one pixel) and fc.weight
// i8 [classes, IC], fc.bias i32 and fc.multiplier f32 [classes] (accumulator → logit).
//
// A part that is kept in fp32 holds torchvision's tensors, and where a quantised part reads its output the
// output_scale of its last convolution (not that of the shortcut).
#pragma once

#include <string>
#include <vector>

#include <resnet/architecture.hpp>

namespace resnet {

struct Quantization {
  // Of the weights of every quantised convolution but conv1: 8, 4 or 2. conv1 and fc, which suffer most,
  // have 8.
  int weight_bits = 8;
  // The parts left in fp32, in the network's order.
  std::vector<std::string> keep{};
};

// The part of a network that `module` belongs to. A part is quantised or kept as a whole: "conv1" (conv1,
// bn1, relu and maxpool), a block under its name, "fc" (the head).
std::string quantization_part(const Architecture& architecture, int module);
bool keeps(const Quantization& quantization, const Architecture& architecture, int module);

// In the order in which files hold them.
std::vector<TensorSpec> quantized_tensors(const Architecture& architecture,
                                          const Quantization& quantization = {});

}  // namespace resnet
