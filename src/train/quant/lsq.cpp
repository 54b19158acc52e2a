#include "train/quant/lsq.hpp"

#include <cmath>
#include <vector>

#include <torch/torch.h>

namespace resnet::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// s, of a shape that lines up with the first dimension of `values` where there is one for each channel.
torch::Tensor step_for(const torch::Tensor& values, const torch::Tensor& log_step) {
  const torch::Tensor step = log_step.exp();
  if (step.numel() == 1) return step;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(values.dim()), 1);
  shape[0] = step.numel();
  return step.view(shape);
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& values,
                               const torch::Tensor& log_step, std::int64_t low, std::int64_t high,
                               double scale) {
    context->save_for_backward({values, log_step});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["scale"] = scale;
    const torch::Tensor step = step_for(values, log_step);
    const torch::Tensor q = (values / step).clamp_(low, high).round_();
    torch::Tensor result = torch::empty_like(values);  // the product is converted as it is written
    return at::mul_out(result, q, step);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &values = saved[0], &log_step = saved[1];
    const std::int64_t low = context->saved_data["low"].toInt(), high = context->saved_data["high"].toInt();
    const torch::Tensor step = step_for(values, log_step), x = values / step;
    const torch::Tensor gradient = gradients[0].to(x.scalar_type());
    // The gradient where low < x < high: hardtanh's.
    const torch::Tensor inside = at::hardtanh_backward(gradient, x, low, high);
    torch::Tensor of_step;
    if (context->needs_input_grad(1)) {
      // Element by element, so that the large parts of q and x cancel before anything is summed.
      of_step = x.clamp(low, high).round_().mul_(gradient).addcmul_(inside, x, -1);
      of_step = log_step.numel() == 1 ? of_step.sum().view_as(step) : of_step.flatten(1).sum(1).view_as(step);
      of_step = of_step.div_(step).mul_(context->saved_data["scale"].toDouble()).view_as(log_step);
    }
    return {inside.to(values.scalar_type()), of_step, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor to_steps(const torch::Tensor& values, const torch::Tensor& log_step, Levels levels) {
  const torch::NoGradGuard no_gradient;
  return (values / step_for(values, log_step)).clamp_(levels.low, levels.high).round_();
}

torch::Tensor fake_quantize(const torch::Tensor& values, const torch::Tensor& log_step, Levels levels,
                            std::int64_t sharing) {
  const double scale = 1 / std::sqrt(static_cast<double>(sharing) * levels.high);
  return FakeQuantize::apply(values, log_step, levels.low, levels.high, scale);
}

}  // namespace resnet::train
