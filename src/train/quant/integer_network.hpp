// An int8 model on LibTorch, as the engine computes it (docs/int8.md): the trainer evaluates with this, on
// whatever device it trains. Tensors hold whole numbers; logits are the engine's bits.
#pragma once

#include "train/quant/quant_options.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include <resnet/model.hpp>

namespace resnet::train {

class IntegerNetwork {
 public:
  // A model of integer_model(), or of `resnet quantize` (with the default options). Parts kept in fp32 are
  // computed by LibTorch: they and what follows them are near to the engine's, not the same bits.
  IntegerNetwork(const Model& model, const QuantOptions& options, torch::Device device);

  // Sees every quantised activation, under its convolution's name or "avgpool": whole numbers in fp32.
  using Watch = std::function<void(const std::string& activation, const torch::Tensor& steps)>;

  // images: [N, 3, H, W], normalised 8-bit pixels as a Session takes them, on the device; gives logits, [N,
  // classes] fp32. Autocast has no say here.
  torch::Tensor forward(const torch::Tensor& images, const Watch& watch = {}) const;

 private:
  // Its sum is exact whatever the order: in fp64 on a GPU; on a CPU, where fp64 is slow, in fp32, the weights
  // cut in two numbers of 4 bits where the sum could reach 2^24.
  struct Sum {
    std::vector<torch::Tensor> weights;
    std::vector<double> factors;  // of the sums with them
  };
  struct Layer {
    ConvSpec spec{};
    Sum sum{};
    torch::Tensor bias{}, multiplier{};  // fp64 whole numbers and fp32, [1, OC, 1, 1]
    Levels levels{};
  };
  struct FloatLayer {
    ConvSpec spec{};
    torch::Tensor weight{}, gamma{}, beta{}, mean{}, var{};
  };
  struct Block {
    std::vector<Layer> path{}, shortcut{};
    std::vector<FloatLayer> float_path{}, float_shortcut{};
    double residual_multiplier = 0;
    // Of the block's output; none where a kept part hands fp32 to the next.
    std::optional<double> output_scale{};
    Levels output_levels{};
    bool kept = false;
  };

  // What goes from a part to the next: whole numbers worth `scale` each, or real ones.
  struct Activation {
    torch::Tensor values;
    std::optional<double> scale;
  };

  Sum make_sum(const Tensor& weight) const;
  Layer make_layer(const Model& model, const QuantOptions& options, const ConvSpec& spec) const;
  FloatLayer make_float_layer(const Model& model, const ConvSpec& spec) const;
  torch::Tensor on_device(const Tensor& tensor) const;

  torch::Tensor scaled_sum(const Layer& layer, const torch::Tensor& steps) const;
  torch::Tensor run_layer(const Layer& layer, const torch::Tensor& steps, const Watch& watch) const;
  torch::Tensor run_float_layer(const FloatLayer& layer, const torch::Tensor& x) const;
  Activation run_stem(const torch::Tensor& images, const Watch& watch) const;
  Activation run_block(const Block& block, const Activation& input, const Watch& watch) const;
  torch::Tensor run_head(const Activation& input, const Watch& watch) const;

  torch::Device device_;
  std::vector<Block> parts_;  // the first is the stem
  torch::Tensor mean_, std_, centre_;
  double pool_multiplier_ = 0;
  torch::Tensor fc_weight_, fc_bias_, fc_multiplier_;  // fp64, fp64, fp32; of a kept head fp32
  bool head_kept_ = false;
};

}  // namespace resnet::train
