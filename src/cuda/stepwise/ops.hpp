// The operators of a ResNet as textbook CUDA kernels: fp32, NCHW, one kernel a file, nothing fused.
//
// Every launcher queues its kernel on `stream`, checks the launch, allocates nothing and waits for nothing.
// Pointers are device memory, dense. Inputs and outputs may not overlap, except that bn_inference, relu and
// add may work in place. An output element is computed in one fixed order that depends on its own image
// alone: the batch size and the place in the batch change no bit.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace resnet::cuda::stepwise {

// Square kernel, same stride and zero padding in both directions, no bias, no groups.
struct Conv2dParams {
  int n, ic, ih, iw;
  int oc;
  int kernel, stride, padding;

  int oh() const { return (ih + 2 * padding - kernel) / stride + 1; }
  int ow() const { return (iw + 2 * padding - kernel) / stride + 1; }
  int rows() const { return ic * kernel * kernel; }  // of the column matrix
  int pixels() const { return oh() * ow(); }         // its columns
};

// columns[n][(ic*KH + kh)*KW + kw][oh*OW + ow] = input[n][ic][oh*s + kh - p][ow*s + kw - p], zero outside the
// picture.
void im2col(const Conv2dParams& params, const float* input, float* columns, cudaStream_t stream);

// c[i] = a * b[i] for every i < batch: a is m x k and shared, b[i] is k x n, c[i] is m x n, all row-major.
struct GemmParams {
  int m, n, k;
  int batch;
};
void sgemm_tiled(const GemmParams& params, const float* a, const float* b, float* c, cudaStream_t stream);

// output[n][c][i] = gamma[c] * (input[n][c][i] - mean[c]) / sqrt(var[c] + eps) + beta[c]
struct BatchNorm {
  const float *gamma, *beta, *mean, *var;  // [channels]
  float eps;
};
struct PlaneParams {
  int n, channels;
  int plane;  // H * W
};
void bn_inference(const PlaneParams& params, const BatchNorm& bn, const float* input, float* output,
                  cudaStream_t stream);

// values[i] = max(values[i], 0), in place; NaN stays NaN.
void relu(std::int64_t count, float* values, cudaStream_t stream);

// output[i] = a[i] + b[i]
void add(std::int64_t count, const float* a, const float* b, float* output, cudaStream_t stream);

// Largest value of each window; padding never wins, NaN always does.
struct MaxPoolParams {
  int planes;  // N * C
  int ih, iw;
  int kernel, stride, padding;

  int oh() const { return (ih + 2 * padding - kernel) / stride + 1; }
  int ow() const { return (iw + 2 * padding - kernel) / stride + 1; }
};
void maxpool2d(const MaxPoolParams& params, const float* input, float* output, cudaStream_t stream);

// output[p] = mean of input[p][0 … plane), for planes = N * C of them.
void global_avgpool(int planes, int plane, const float* input, float* output, cudaStream_t stream);

// output[n][o] = bias[o] + sum over i of weight[o][i] * input[n][i]
struct FullyConnectedParams {
  int n, inputs, outputs;
};
void fully_connected(const FullyConnectedParams& params, const float* input, const float* weight,
                     const float* bias, float* output, cudaStream_t stream);

// probabilities[n][c] = exp(logits[n][c] - m) / sum over j of exp(logits[n][j] - m), m the row's largest.
void softmax(int n, int classes, const float* logits, float* probabilities, cudaStream_t stream);

}  // namespace resnet::cuda::stepwise
