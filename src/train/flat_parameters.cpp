#include "train/flat_parameters.hpp"

#include "train/torch_version.hpp"

#include <algorithm>

namespace resnet::train {
namespace {

bool alike(const ParameterGroup& group, const TrainedParameter& parameter) {
  return group.decayed == parameter.decayed && group.head == parameter.head &&
         group.learning_rate_scale == parameter.learning_rate_scale;
}

// `memory` in the shape of a parameter.
torch::Tensor shaped(const torch::Tensor& memory, at::IntArrayRef shape, bool channels_last) {
  if (!channels_last || shape.size() != 4) return memory.view(shape);
  return memory.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

// The values of a parameter in the order in which they lie in memory: [count].
torch::Tensor in_a_row(const torch::Tensor& values, bool channels_last) {
  return (channels_last && values.dim() == 4 ? values.permute({0, 2, 3, 1}) : values).reshape({-1});
}

}  // namespace

FlatParameters::FlatParameters(const std::vector<TrainedParameter>& parameters, bool channels_last)
    : channels_last_(channels_last) {
  std::vector<std::vector<TrainedParameter>> members;
  std::int64_t total = 0;
  for (const TrainedParameter& parameter : parameters) {
    auto it = std::find_if(groups_.begin(), groups_.end(),
                           [&](const ParameterGroup& group) { return alike(group, parameter); });
    if (it == groups_.end()) {
      it = groups_.insert(it, {.decayed = parameter.decayed,
                               .head = parameter.head,
                               .learning_rate_scale = parameter.learning_rate_scale,
                               .values = {}});
      members.emplace_back();
    }
    members[static_cast<std::size_t>(it - groups_.begin())].push_back(parameter);
    total += parameter.value.numel();
  }

  const torch::NoGradGuard no_grad;
  const auto options = parameters.front().value.options().requires_grad(false);
  values_ = torch::empty({total}, options);
  gradient_ = torch::zeros({total}, options);
  std::int64_t at = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::int64_t begin = at;
    for (TrainedParameter& parameter : members[g]) {
      const std::int64_t count = parameter.value.numel();
      const torch::Tensor place =
          shaped(values_.narrow(0, at, count), parameter.value.sizes(), channels_last);
      place.copy_(parameter.value);
      parameter.value.set_data(place);
      parameters_.push_back(parameter.value);
      places_.push_back(gradient_.narrow(0, at, count));
      at += count;
    }
    // detach(): a leaf of its own on the same memory, for the optimiser.
    groups_[g].values = values_.narrow(0, begin, at - begin).detach().requires_grad_();
    groups_[g].values.mutable_grad() = gradient_.narrow(0, begin, at - begin);
  }
}

void FlatParameters::forget_gradients() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad() = torch::Tensor();
}

void FlatParameters::gather_gradients() {
  std::vector<torch::Tensor> to, from;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& gradient = parameters_[i].grad();
    if (gradient.defined()) {
      to.push_back(places_[i]);
      from.push_back(in_a_row(gradient, channels_last_));
    } else {
      places_[i].zero_();  // it took no part
    }
  }
  copy_all(to, from);
}

}  // namespace resnet::train
