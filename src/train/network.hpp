// ResNet-18/34/50 in fp32 as a LibTorch module with torchvision's names.
#pragma once

#include "train/batch_norm.hpp"
#include "train/trainable_network.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/torch.h>

#include <resnet/architecture.hpp>

namespace resnet::train {

// The layers of an Architecture under their torchvision names ("layer1.0.conv1", "layer2.0.downsample.1",
// "fc"), so that a state_dict of it is torchvision's. Layers are looked up by those names: what a forward
// pass does with them is for its owner to say (in fp32 below, quantised in quant/).
class NetworkModuleImpl : public torch::nn::Module {
 public:
  // Initialises as torchvision does: convolutions from He's normal distribution by fan-out, BatchNorm 1 and
  // 0, the head uniform by fan-in; from LibTorch's generator (torch::manual_seed).
  explicit NetworkModuleImpl(const Architecture& architecture);

  const Architecture& architecture() const noexcept { return architecture_; }

  // By ConvSpec::conv and ConvSpec::bn. Throws Error{not_found}.
  torch::nn::Conv2d convolution(const std::string& name) const;
  BatchNorm batch_norm(const std::string& name) const;
  torch::nn::Linear fc() const { return fc_; }

  // images: [N, 3, H, W], normalised; gives logits [N, classes].
  torch::Tensor forward(const torch::Tensor& images);
  // What the average pool takes: [N, channels, H/32, W/32], rounded up.
  torch::Tensor features(const torch::Tensor& images);

 private:
  void add_convolution(const ConvSpec& spec);

  Architecture architecture_;
  std::map<std::string, torch::nn::Conv2d> convolutions_;
  std::map<std::string, BatchNorm> batch_norms_;
  torch::nn::Linear fc_{nullptr};
};
TORCH_MODULE(NetworkModule);

// Copies into `module` what fits out of a model file that `resnet` reads; the rest keeps its values, and so
// does the BatchNorm behind a convolution that is not there. Gives the names of the tensors that were not in
// the file or had another shape there ("fc.weight is [1000, 512], not [80, 512]"). Throws Error: all that
// load_starting_point does.
std::vector<std::string> load_starting_point(NetworkModuleImpl& module, const std::filesystem::path& path);

// Makes a sigmoid head as sure of each class as `frequencies` (one a class, 0 … 1) says, whatever it sees: a
// new head would otherwise spend its first steps on learning that most classes are rare (Lin et al., "Focal
// Loss for Dense Object Detection", ICCV 2017, section 4.1).
void set_prior(NetworkModuleImpl& module, const std::vector<float>& frequencies);

// The tensors of `module` as a model's. They are copies, on the CPU.
Model to_model(const NetworkModuleImpl& module, const ExportFacts& facts);
// The other way round: all tensors of an fp32 model of the same architecture. Throws Error{shape_mismatch}.
void copy_weights(const Model& model, NetworkModuleImpl& module);

// The parameters of a NetworkModule with the treatment that is usual for them: no weight decay on biases and
// BatchNorm, fc is the head.
std::vector<TrainedParameter> usual_parameters(NetworkModuleImpl& module);

// The network as it is, in fp32 (or what autocast makes of it).
class Network final : public TrainableNetwork {
 public:
  explicit Network(const Architecture& architecture) : module_(architecture) {}

  const Architecture& architecture() const override { return module_->architecture(); }
  torch::Tensor forward(const torch::Tensor& images) override { return module_->forward(images); }
  torch::Tensor forward_positions(const torch::Tensor& images) override;
  NetworkModuleImpl& module() override { return *module_; }
  std::vector<TrainedParameter> trained_parameters() override { return usual_parameters(*module_); }
  Model export_model(const ExportFacts& facts) const override { return to_model(*module_, facts); }

 private:
  NetworkModule module_;
};

}  // namespace resnet::train
