#include "train/network.hpp"

#include "model/starting_point.hpp"

#include <span>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

// Makes, where it is not there yet, the container that `path` ("layer1.0", "layer2.0.downsample") names.
torch::nn::Module& container(torch::nn::Module& root, const std::string& path) {
  torch::nn::Module* at = &root;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    const auto children = at->named_children();
    at = children.contains(name) ? children[name].get()
                                 : at->register_module(name, std::make_shared<torch::nn::Module>(name)).get();
    begin = end + 1;
  }
  return *at;
}

// "layer1.0.conv1" → {"layer1.0", "conv1"}
std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

template <class Holder>
Holder find(const std::map<std::string, Holder>& layers, const std::string& name) {
  const auto it = layers.find(name);
  if (it == layers.end()) throw Error(ErrorCode::not_found, "the network has no layer " + name);
  return it->second;
}

// Every fp32 tensor of the state_dict by name.
std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& entry : module.named_parameters()) state.emplace(entry.key(), entry.value());
  for (const auto& entry : module.named_buffers()) state.emplace(entry.key(), entry.value());
  return state;
}

void copy(const Tensor& from, torch::Tensor& to) {
  const torch::NoGradGuard no_grad;
  const std::span<const float> values = from.f32();
  to.copy_(torch::from_blob(const_cast<float*>(values.data()), from.shape().dims(), torch::kFloat));
}

}  // namespace

NetworkModuleImpl::NetworkModuleImpl(const Architecture& architecture) : architecture_(architecture) {
  for (int m = 0; m < architecture_.module_count(); ++m) {
    for (const ConvSpec& spec : architecture_.convolutions(m)) add_convolution(spec);
  }
  const resnet::Module& head = architecture_.modules().back();
  fc_ = register_module("fc", torch::nn::Linear(head.in_channels, head.out_channels));
}

void NetworkModuleImpl::add_convolution(const ConvSpec& spec) {
  torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(spec.in_channels, spec.out_channels, spec.kernel)
                                    .stride(spec.stride)
                                    .padding(spec.padding)
                                    .bias(false));
  torch::nn::init::kaiming_normal_(convolution->weight, 0, torch::kFanOut, torch::kReLU);
  BatchNorm batch_norm(spec.out_channels);
  const auto [conv_parent, conv_name] = split(spec.conv);
  const auto [bn_parent, bn_name] = split(spec.bn);
  container(*this, conv_parent).register_module(conv_name, convolution);
  container(*this, bn_parent).register_module(bn_name, batch_norm);
  convolutions_.emplace(spec.conv, std::move(convolution));
  batch_norms_.emplace(spec.bn, std::move(batch_norm));
}

torch::nn::Conv2d NetworkModuleImpl::convolution(const std::string& name) const {
  return find(convolutions_, name);
}

BatchNorm NetworkModuleImpl::batch_norm(const std::string& name) const {
  return find(batch_norms_, name);
}

torch::Tensor NetworkModuleImpl::forward(const torch::Tensor& images) {
  return fc_->forward(torch::adaptive_avg_pool2d(features(images), {1, 1}).flatten(1));
}

torch::Tensor NetworkModuleImpl::features(const torch::Tensor& images) {
  const auto normalised = [this](const ConvSpec& spec, const torch::Tensor& x) {
    return batch_norm(spec.bn)->forward(convolution(spec.conv)->forward(x));
  };
  torch::Tensor x = normalised(architecture_.convolutions(0).front(), images).relu_();
  x = torch::max_pool2d(x, 3, 2, 1);
  for (int m = 0; m < architecture_.module_count(); ++m) {
    const resnet::Module& module = architecture_.modules()[static_cast<std::size_t>(m)];
    if (module.kind != ModuleKind::basic_block && module.kind != ModuleKind::bottleneck) continue;
    std::vector<ConvSpec> path = architecture_.convolutions(m);
    torch::Tensor shortcut = x;
    if (module.downsample) {
      shortcut = normalised(path.back(), x);
      path.pop_back();
    }
    for (const ConvSpec& spec : path) {
      x = normalised(spec, x);
      if (&spec != &path.back()) x.relu_();
    }
    x.add_(shortcut).relu_();
  }
  return x;
}

// fc is linear, so that its answer to the mean of the positions is the mean of its answers to them.
torch::Tensor Network::forward_positions(const torch::Tensor& images) {
  return module_->fc()->forward(module_->features(images).flatten(2).transpose(1, 2));
}

std::vector<std::string> load_starting_point(NetworkModuleImpl& module, const std::filesystem::path& path) {
  const StartingPoint start = resnet::load_starting_point(path, module.architecture());
  auto state = state_of(module);
  for (const auto& [name, tensor] : start.tensors) copy(tensor, state.at(name));
  for (int m = 0; m < module.architecture().module_count(); ++m) {
    for (const ConvSpec& spec : module.architecture().convolutions(m)) {
      if (!start.tensors.contains(spec.conv + ".weight")) module.batch_norm(spec.bn)->reset();
    }
  }
  return start.absent;
}

void set_prior(NetworkModuleImpl& module, const std::vector<float>& frequencies) {
  constexpr float kLeast = 1e-3f;  // of a class that is never, or always, there
  const torch::NoGradGuard no_grad;
  const torch::Tensor p = torch::tensor(frequencies).clamp(kLeast, 1 - kLeast);
  module.fc()->bias.copy_(torch::log(p / (1 - p)));
}

Model to_model(const NetworkModuleImpl& module, const ExportFacts& facts) {
  Model model{.architecture = module.architecture(),
              .preprocess = facts.preprocess,
              .head = facts.head,
              .labels = facts.labels};
  const auto state = state_of(module);
  for (const TensorSpec& spec : model.architecture.tensors()) {
    const torch::Tensor value = state.at(spec.name).detach().to(torch::kCPU, torch::kFloat).contiguous();
    const auto count = static_cast<std::size_t>(value.numel());
    model.tensors.emplace(spec.name, Tensor::from(spec.shape, std::span(value.data_ptr<float>(), count)));
  }
  return model;
}

void copy_weights(const Model& model, NetworkModuleImpl& module) {
  auto state = state_of(module);
  for (const TensorSpec& spec : module.architecture().tensors()) {
    const Tensor& tensor = model.tensor(spec.name);
    if (tensor.shape() != spec.shape) {
      throw Error(ErrorCode::shape_mismatch, fmt::format("tensor {} is {}, not {}", spec.name,
                                                         tensor.shape().to_string(), spec.shape.to_string()));
    }
    copy(tensor, state.at(spec.name));
  }
}

std::vector<TrainedParameter> usual_parameters(NetworkModuleImpl& module) {
  std::vector<TrainedParameter> parameters;
  for (const auto& entry : module.named_parameters()) {
    // Weights of convolutions and of fc have two dimensions and more; all others are biases and BatchNorm's.
    parameters.push_back({.name = entry.key(),
                          .value = entry.value(),
                          .decayed = entry.value().dim() > 1,
                          .head = entry.key().starts_with("fc.")});
  }
  return parameters;
}

}  // namespace resnet::train
