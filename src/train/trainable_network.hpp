// What the trainer trains: the network in fp32 (network.hpp) and with quantisation in the loop (quant/) are
// both one.
#pragma once

#include <string>
#include <vector>

#include <torch/torch.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet::train {

// A parameter and how the optimiser treats it.
struct TrainedParameter {
  std::string name;  // as in module().named_parameters()
  torch::Tensor value;
  bool decayed = false;            // weight decay applies: not to biases, BatchNorm and step sizes
  bool head = false;               // of the classifier, which has a learning rate of its own
  double learning_rate_scale = 1;  // on top of that
};

// What a model file says beside the weights.
struct ExportFacts {
  Preprocess preprocess{};
  Head head{};
  std::vector<std::string> labels{};  // one a class
};

class TrainableNetwork {
 public:
  virtual ~TrainableNetwork() = default;

  virtual const Architecture& architecture() const = 0;

  // images: [N, 3, H, W] fp32, normalised, on the device of the parameters. Gives logits, [N, classes], fp32
  // (under autocast in its type). Trains or evaluates as module().is_training() says.
  virtual torch::Tensor forward(const torch::Tensor& images) = 0;

  // What the head says of each position of the last feature map, [N, positions, classes]; their mean is what
  // forward() gives. Throws Error{unsupported} where the network cannot tell.
  virtual torch::Tensor forward_positions(const torch::Tensor& /*images*/) {
    throw Error(ErrorCode::unsupported, "this network answers for whole pictures only");
  }

  // Everything that is saved and resumed: its parameters and buffers, by name. BatchNorm layers in it are
  // those of batch_norm.hpp, so that the trainer finds them.
  virtual torch::nn::Module& module() = 0;

  // The parameters that are optimised, each once.
  virtual std::vector<TrainedParameter> trained_parameters() = 0;

  // Called once before the first step of a run that is not resumed, with a batch as forward() takes it: for
  // what is initialised from data (step sizes of activations).
  virtual void calibrate(const torch::Tensor& /*images*/) {}

  // Whether a model file can hold what the network computes; export_model() throws Error{unsupported}
  // otherwise.
  virtual bool exportable() const { return true; }

  // A whole model as it computes now, on the CPU: what save_model writes and `resnet` runs.
  virtual Model export_model(const ExportFacts& facts) const = 0;
};

}  // namespace resnet::train
