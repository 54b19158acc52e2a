// BatchNorm whose running statistics move once an optimisation step, whatever the step is made of.
//
// Ioffe and Szegedy, "Batch Normalization", ICML 2015. PyTorch's layer moves its running statistics at every
// forward pass and in every process for itself. Here a forward pass only notes its batch's mean and variance;
// at the end of a step RunningStatistics takes their mean over all micro-batches of all processes and moves
// once by the momentum. So two processes with N samples each compute what one process with two micro-batches
// of N does, and a step that is thrown away (its gradients overflowed) leaves no trace. With one micro-batch
// in one process it is PyTorch's rule.
#pragma once

#include <functional>
#include <vector>

#include <torch/torch.h>

namespace resnet::train {

// Replaces a tensor, in place, by its sum over all processes.
using AllReduce = std::function<void(torch::Tensor&)>;

// torchvision's names: weight, bias [C]; running_mean, running_var [C]; num_batches_tracked, one integer.
class BatchNormImpl : public torch::nn::Module {
 public:
  explicit BatchNormImpl(int channels);

  // x: [N, C, H, W]. In training mode, unless frozen, normalises by the statistics of the batch.
  torch::Tensor forward(const torch::Tensor& x);

  // As new: weight and running_var 1, the others 0.
  void reset();

  torch::Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  friend class RunningStatistics;
  torch::Tensor normalise_synchronised(const torch::Tensor& x, double momentum);
  void adopt(const torch::Tensor& x);

  torch::Tensor batch_mean_,
      batch_var_;  // means of this step's forward passes so far; var is the unbiased one
  int passes_ = 0;
  bool frozen_ = false, adopting_ = false;
  AllReduce synchronise_;
};
TORCH_MODULE(BatchNorm);

// The statistics of all BatchNorm layers of a network, each kind in one tensor, so that a step costs a few
// operations and not a few a layer. Make it when the module has reached its device, and before its buffers
// are copied elsewhere.
class RunningStatistics {
 public:
  static constexpr double kMomentum = 0.1;

  explicit RunningStatistics(torch::nn::Module& module);

  // Forward passes in training mode normalise by the batches of all processes together ("sync BatchNorm").
  void synchronise(const AllReduce& sum);
  // Layers compute with their running statistics from now on (or again with their batch's), which then stay.
  void freeze(bool frozen);

  // While `adopting`, forward passes in evaluation mode make the statistics of their batch the running ones.
  // weight and bias follow so that a layer computes what it did before; one that is as new keeps them and
  // normalises.
  void adopt(bool adopting);

  void begin_step();
  // Moves towards the mean over the passes since begin_step() and over all `processes`, which `sum` adds up
  // (it may be empty where there is one). Does nothing where no layer ran unfrozen.
  void end_step(int processes, const AllReduce& sum);

  // running_mean and running_var of all layers in a row; they share the layers' memory.
  torch::Tensor& values() { return running_; }
  const torch::Tensor& values() const { return running_; }

 private:
  std::vector<BatchNormImpl*> layers_;
  torch::Tensor running_, batch_, counters_;
};

}  // namespace resnet::train
