// The operators of a ResNet as plain loops: the oracle that every faster kernel is compared with.
//
// Activations are fp32, NCHW, dense; sums are accumulated in double and rounded to fp32 once, on the
// store. Nothing is fused and nothing is packed. `threads` members of ThreadPool::shared() share the
// work so that each output element is computed by one of them in a fixed order: the bits do not depend
// on the thread count. Inputs and outputs may not overlap, except that the element-wise operators
// (batch_norm, relu, add) may work in place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace resnet::reference {

// Square kernel, same stride and zero padding in both directions, no bias, no groups.
struct Conv2dParams {
  std::int64_t n, ic, ih, iw;
  std::int64_t oc;
  std::int64_t kernel, stride, padding;

  std::int64_t oh() const { return (ih + 2 * padding - kernel) / stride + 1; }
  std::int64_t ow() const { return (iw + 2 * padding - kernel) / stride + 1; }
};

// output[n][oc][oh][ow] = sum over ic, kh, kw of weight[oc][ic][kh][kw] * input[n][ic][oh*s+kh-p][ow*s+kw-p],
// taking the input as zero outside its borders. weight: OIHW.
void conv2d(const Conv2dParams& params, const float* input, const float* weight, float* output, int threads);

// BatchNorm in inference as one multiply-add a channel.
struct BatchNorm {
  std::vector<float> scale;  // gamma / sqrt(var + eps)
  std::vector<float> shift;  // beta - mean * scale
};

// Computes both in double (shift from the unrounded scale) and rounds each to fp32 once.
BatchNorm make_batch_norm(std::span<const float> gamma, std::span<const float> beta,
                          std::span<const float> mean, std::span<const float> var, double eps);

// output[n][c][i] = input[n][c][i] * scale[c] + shift[c], rounded once. `plane` is H * W.
void batch_norm(const BatchNorm& bn, std::int64_t n, std::int64_t plane, const float* input, float* output,
                int threads);

// max(x, 0); NaN stays NaN.
void relu(std::int64_t count, const float* input, float* output, int threads);

// a + b
void add(std::int64_t count, const float* a, const float* b, float* output, int threads);

// Largest value of each window; padding never wins, and NaN always does. `planes` is N * C.
struct MaxPoolParams {
  std::int64_t planes, ih, iw;
  std::int64_t kernel, stride, padding;

  std::int64_t oh() const { return (ih + 2 * padding - kernel) / stride + 1; }
  std::int64_t ow() const { return (iw + 2 * padding - kernel) / stride + 1; }
};
void max_pool(const MaxPoolParams& params, const float* input, float* output, int threads);

// output[p] = mean of input[p][0 … plane). `planes` is N * C, `plane` is H * W.
void global_average_pool(std::int64_t planes, std::int64_t plane, const float* input, float* output,
                         int threads);

// output[n][o] = bias[o] + sum over i of weight[o][i] * input[n][i]
struct FullyConnectedParams {
  std::int64_t n, inputs, outputs;
};
void fully_connected(const FullyConnectedParams& params, const float* input, const float* weight,
                     const float* bias, float* output, int threads);

}  // namespace resnet::reference
