// What a quantised model is made of. How it computes is written down in docs/int8.md.
//
// A Model with precision int8 holds these tensors instead of torchvision's. For every convolution C of the
// architecture ("conv1", "layer1.0.conv1", "layer2.0.downsample.0", …), BatchNorm folded in:
//
//   C.weight        i8  [OC, IC, K, K], in [-127, 127]
//   C.bias          i32 [OC], added to the accumulator
//   C.multiplier    f32 [OC], accumulator → output steps: input scale · weight scale / output scale
//   C.output_scale  f32 [1], the real value of one step of C's output
//
// for every block B, B.residual_multiplier f32 [1]: steps of the shortcut → steps of the block's output; for
// the head avgpool.multiplier f32 [1] (steps of its input → steps of its output, for one pixel) and fc.weight
// i8 [classes, IC], fc.bias i32 and fc.multiplier f32 [classes] (accumulator → logit).
#pragma once

#include <string>
#include <vector>

#include <resnet/architecture.hpp>
#include <resnet/tensor.hpp>

namespace resnet {

struct QuantizedTensorSpec {
  std::string name;
  Shape shape;
  DType dtype;
};

// In the order in which files hold them.
std::vector<QuantizedTensorSpec> quantized_tensors(const Architecture& architecture);

}  // namespace resnet
