// A ResNet as a numbered list of modules, the one idea that everything in this project speaks in:
// checkpoints of the verifier are module outputs, a split server owns a range [begin, end) of them,
// timings are per module.
//
//   0 conv1   1 bn1   2 relu   3 maxpool   4… layer1.0, layer1.1, …, layer4.k   last: head
//
// (head = global average pool + flatten + fully connected). ResNet-18 has 13 modules, ResNet-34 and
// -50 have 21. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; ResNet-50 is the
// v1.5 of torchvision (the stride sits on the 3x3 convolution).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet {

enum class ModuleKind { conv1, bn1, relu, maxpool, basic_block, bottleneck, head };

struct Module {
  ModuleKind kind;
  std::string name;  // "conv1", "layer2.0", "head": the prefix of its weights' names (but head: "fc")
  int in_channels;
  int mid_channels;  // blocks: channels of conv1 (and of conv2 in a bottleneck); else 0
  int out_channels;  // head: number of classes
  int stride;        // of the module as a whole: 2 for conv1, maxpool and the first block of layer2..4
  bool downsample;   // blocks: the shortcut has its own 1x1 convolution
};

// One convolution of a block or the stem, with the names of its tensors.
struct ConvSpec {
  std::string conv;  // "layer1.0.conv1": weight is conv + ".weight", OIHW
  std::string bn;    // "layer1.0.bn1": weight, bias, running_mean, running_var
  int in_channels, out_channels, kernel, stride, padding;
};

enum class TensorKind {
  conv_weight,
  bn_param,
  bn_buffer,
  fc_weight,
  fc_bias,
  quant_param,  // of a quantised layer's output channels: their biases or multipliers
  quant_scale,  // one number: a scale, or the ratio of two
};
std::string_view to_string(TensorKind kind) noexcept;

struct TensorSpec {
  std::string name;  // torchvision's: "layer1.0.bn1.running_mean"
  Shape shape;
  TensorKind kind;
  DType dtype = DType::f32;
};

inline constexpr double kBatchNormEps = 1e-5;

class Architecture {
 public:
  // depth: 18, 34 or 50; classes >= 1. Throws Error{invalid_argument} otherwise.
  Architecture(int depth, int classes);

  int depth() const noexcept { return depth_; }
  int classes() const noexcept { return classes_; }
  std::string name() const { return "resnet" + std::to_string(depth_); }

  const std::vector<Module>& modules() const noexcept { return modules_; }
  int module_count() const noexcept { return static_cast<int>(modules_.size()); }
  int head() const noexcept { return module_count() - 1; }
  // Index of a module by name. Throws Error{not_found} naming the modules there are.
  int module_index(std::string_view name) const;

  // The convolutions of a block in order of execution; the shortcut's ("…downsample.0"), where there
  // is one, comes last. For conv1 the stem's. Empty for modules without a convolution.
  std::vector<ConvSpec> convolutions(int module) const;

  // All floating-point tensors of the state_dict, in torchvision's order (num_batches_tracked left out).
  const std::vector<TensorSpec>& tensors() const noexcept { return tensors_; }

  // Shape of a module's output ([N, C, H, W], or [N, classes] for the head) for a network input of
  // [n, 3, h, w]; module -1 is the input itself. Throws Error{invalid_argument} where h or w < 32.
  Shape output_shape(int module, std::int64_t n, std::int64_t h, std::int64_t w) const;
  // The same for a session that starts at module `begin` and is fed `input` (that module's input shape).
  Shape output_shape_from(int begin, int module, const Shape& input) const;

  // Multiply-accumulates of one module for one image of h x w (network input size).
  std::int64_t macs(int module, std::int64_t h, std::int64_t w) const;
  std::int64_t parameters() const;  // trainable ones, as PyTorch counts them

 private:
  int depth_;
  int classes_;
  std::vector<Module> modules_;
  std::vector<TensorSpec> tensors_;
};

}  // namespace resnet
