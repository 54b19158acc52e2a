// Learned step size quantisation: Esser et al., "Learned Step Size Quantization", ICLR 2020.
//
//   q = clamp(rne(v / s), low, high)    v̂ = q · s                                                 (eq. 1, 2)
//
//   ∂v̂/∂v = 1 where low < v/s < high, else 0
//   ∂v̂/∂s = rne(v/s) − v/s where low < v/s < high; low where v/s <= low; high where v/s >= high      (eq. 3)
//
// The gradient of s is multiplied by g = 1 / √(N · high), N being the number of values that share a step: the
// weights of an output channel (or of the tensor), the features of one picture. Steps then learn about as
// fast, for their size, as weights do (section 2.2).
//
// What is trained is ln s, which keeps s positive, and the gradient it is given is g · ∂L/∂s / s, as if the
// loss were a function of s: plain gradient descent then changes s as in the paper (to first order in the
// learning rate), and Adam, which asks only for a gradient's sign and steadiness, changes it in proportion to
// its size.
//
// A low of 0 is a ReLU too: what is negative becomes 0 and gets no gradient.
#pragma once

#include "train/quant/levels.hpp"

#include <cstdint>

#include <torch/types.h>

namespace resnet::train {

// `values` are of any floating-point type and layout; `log_step` (ln s, fp32 or fp64) has one element for the
// whole tensor, or one for each index of the first dimension: an output channel of weights. What has fewer
// bits than `log_step` is computed in its type.

// q, in the type of the computation. Not differentiable.
torch::Tensor to_steps(const torch::Tensor& values, const torch::Tensor& log_step, Levels levels);

// v̂ in the type of `values`, with the gradients above. `sharing`: N, how many values share one step.
torch::Tensor fake_quantize(const torch::Tensor& values, const torch::Tensor& log_step, Levels levels,
                            std::int64_t sharing);

}  // namespace resnet::train
