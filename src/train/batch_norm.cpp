#include "train/batch_norm.hpp"

#include <resnet/architecture.hpp>

namespace resnet::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// [C] as it meets [N, C, H, W].
torch::Tensor along_channels(const torch::Tensor& v) {
  return v.view({1, -1, 1, 1});
}

torch::Tensor over_channels(const torch::Tensor& x) {
  return x.sum(at::IntArrayRef{0, 2, 3});
}

// y = (x - mean) * invstd * weight + bias, mean and invstd being those of the batches of all processes:
//   dx = weight * invstd * (dy - sum(dy) / n - xhat * sum(dy * xhat) / n)
// where the sums and n are over all processes. dweight and dbias stay this process's own, as every gradient
// does until the trainer averages them.
struct SynchronisedBatchNorm : torch::autograd::Function<SynchronisedBatchNorm> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, const torch::Tensor& mean,
                               const torch::Tensor& invstd, double count, const AllReduce* sum) {
    const torch::Tensor scale = weight * invstd;
    context->save_for_backward({x, weight, mean, invstd});
    context->saved_data["count"] = count;
    context->saved_data["sum"] = reinterpret_cast<std::int64_t>(sum);
    return (x.to(torch::kFloat) * along_channels(scale) + along_channels(bias - mean * scale))
        .to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1], &mean = saved[2], &invstd = saved[3];
    const double count = context->saved_data["count"].toDouble();
    const auto* sum = reinterpret_cast<const AllReduce*>(context->saved_data["sum"].toInt());

    const torch::Tensor dy = gradients[0].to(torch::kFloat);
    const torch::Tensor xhat = (x.to(torch::kFloat) - along_channels(mean)) * along_channels(invstd);
    const torch::Tensor dbias = over_channels(dy), dweight = over_channels(dy * xhat);
    torch::Tensor sums = torch::stack({dbias, dweight});
    (*sum)(sums);
    const torch::Tensor dx = along_channels(weight * invstd) *
                             (dy - along_channels(sums[0] / count) - xhat * along_channels(sums[1] / count));
    return {dx.to(x.scalar_type()), dweight, dbias, {}, {}, {}, {}};
  }
};

}  // namespace

BatchNormImpl::BatchNormImpl(int channels)
    : weight(register_parameter("weight", torch::ones({channels}))),
      bias(register_parameter("bias", torch::zeros({channels}))),
      running_mean(register_buffer("running_mean", torch::zeros({channels}))),
      running_var(register_buffer("running_var", torch::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", torch::zeros({}, torch::kLong))) {}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& x) {
  if (adopting_) adopt(x);
  if (!is_training() || frozen_) {
    return torch::batch_norm(x, weight, bias, running_mean, running_var, false, 0, kBatchNormEps, true);
  }
  if (!batch_mean_.defined()) {
    batch_mean_ = torch::zeros_like(running_mean);
    batch_var_ = torch::zeros_like(running_var);
  }
  // PyTorch's update, mean += momentum * (batch - mean), is with 1 / n the mean of n passes.
  const double momentum = 1.0 / ++passes_;
  if (synchronise_) return normalise_synchronised(x, momentum);
  return torch::batch_norm(x, weight, bias, batch_mean_, batch_var_, true, momentum, kBatchNormEps, true);
}

void BatchNormImpl::reset() {
  const torch::NoGradGuard no_grad;
  weight.fill_(1);
  bias.zero_();
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

// weight (x - mean) / sqrt(var + eps) + bias, written with another mean and variance.
void BatchNormImpl::adopt(const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  const auto [var, mean] = torch::var_mean(x.to(torch::kFloat), {0, 2, 3}, /*unbiased=*/true);
  const bool as_new =
      torch::equal(running_mean, torch::zeros_like(mean)) && torch::equal(running_var, torch::ones_like(var));
  if (!as_new) {
    const torch::Tensor slope = weight / (running_var + kBatchNormEps).sqrt();
    bias.add_(slope * (mean - running_mean));
    weight.copy_(slope * (var + kBatchNormEps).sqrt());
  }
  running_mean.copy_(mean);
  running_var.copy_(var);
}

torch::Tensor BatchNormImpl::normalise_synchronised(const torch::Tensor& x, double momentum) {
  torch::Tensor mean, invstd, var;
  double count = 0;
  {
    const torch::NoGradGuard no_grad;
    // In double, so that the square of the mean may be taken off the mean of the squares.
    const auto own = static_cast<double>(x.numel() / x.size(1));
    const auto [own_var, own_mean] = torch::var_mean(x.to(torch::kFloat), {0, 2, 3}, /*unbiased=*/false);
    const torch::Tensor m = own_mean.to(torch::kDouble);
    torch::Tensor sums =
        torch::cat({m * own, (own_var.to(torch::kDouble) + m * m) * own, torch::full({1}, own, m.options())});
    synchronise_(sums);
    const std::int64_t channels = x.size(1);
    count = sums[-1].item<double>();
    const torch::Tensor all_mean = sums.narrow(0, 0, channels) / count;
    const torch::Tensor all_var =
        (sums.narrow(0, channels, channels) / count - all_mean * all_mean).clamp_min(0);
    mean = all_mean.to(torch::kFloat);
    invstd = (all_var + kBatchNormEps).rsqrt().to(torch::kFloat);
    var = (all_var * (count / std::max(count - 1, 1.0))).to(torch::kFloat);
    batch_mean_.lerp_(mean, momentum);
    batch_var_.lerp_(var, momentum);
  }
  return SynchronisedBatchNorm::apply(x, weight, bias, mean, invstd, count, &synchronise_);
}

RunningStatistics::RunningStatistics(torch::nn::Module& module) {
  std::int64_t total = 0;
  for (const auto& part : module.modules()) {
    if (auto* layer = dynamic_cast<BatchNormImpl*>(part.get())) {
      layers_.push_back(layer);
      total += layer->running_mean.numel();
    }
  }
  if (layers_.empty()) return;
  const torch::NoGradGuard no_grad;
  const auto options = layers_.front()->running_mean.options();
  running_ = torch::zeros({2 * total}, options);
  batch_ = torch::zeros({2 * total}, options);
  counters_ = torch::zeros({static_cast<std::int64_t>(layers_.size())}, options.dtype(torch::kLong));
  std::int64_t at = 0, index = 0;
  for (BatchNormImpl* layer : layers_) {
    const std::int64_t channels = layer->running_mean.numel();
    const auto share = [&](torch::Tensor& tensor, const torch::Tensor& memory) {
      memory.copy_(tensor);
      tensor.set_data(memory);
    };
    share(layer->running_mean, running_.narrow(0, at, channels));
    share(layer->running_var, running_.narrow(0, at + channels, channels));
    share(layer->num_batches_tracked, counters_.select(0, index++));
    layer->batch_mean_ = batch_.narrow(0, at, channels);
    layer->batch_var_ = batch_.narrow(0, at + channels, channels);
    at += 2 * channels;
  }
}

void RunningStatistics::synchronise(const AllReduce& sum) {
  for (BatchNormImpl* layer : layers_) layer->synchronise_ = sum;
}

void RunningStatistics::freeze(bool frozen) {
  for (BatchNormImpl* layer : layers_) layer->frozen_ = frozen;
}

void RunningStatistics::adopt(bool adopting) {
  for (BatchNormImpl* layer : layers_) layer->adopting_ = adopting;
}

void RunningStatistics::begin_step() {
  if (layers_.empty()) return;
  // A batch that overflowed would stay in what the next passes average into.
  batch_.zero_();
  for (BatchNormImpl* layer : layers_) layer->passes_ = 0;
}

void RunningStatistics::end_step(int processes, const AllReduce& sum) {
  if (layers_.empty() || layers_.front()->passes_ == 0) return;
  const torch::NoGradGuard no_grad;
  if (processes > 1) {
    sum(batch_);
    batch_.div_(processes);
  }
  running_.lerp_(batch_, kMomentum);
  counters_.add_(1);
}

}  // namespace resnet::train
