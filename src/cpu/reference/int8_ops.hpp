// The operators of an integer network as plain loops: the oracle of every int8 kernel (docs/int8.md).
//
// Activations are int16, NCHW, dense, so that one type holds u8 and s8 steps and the stem's centred pixels;
// accumulators are int32 and exact. As in ops.hpp, `threads` members share the work.
#pragma once

#include "core/requantize.hpp"
#include "cpu/reference/ops.hpp"

#include <cstdint>

namespace resnet::reference {

// Per output channel: acc + bias, and what is done with it.
struct Requantization {
  const std::int32_t* bias;
  const float* multiplier;
  QuantizedRange range;
  const std::int16_t* residual = nullptr;  // of the output's shape; null: none
  float residual_multiplier = 0;
};

// output[n][oc][y][x] = requantised (bias[oc] + Σ weight · input), the input being 0 outside its borders.
// weight: OIHW.
void conv2d_int8(const Conv2dParams& params, const std::int16_t* input, const std::int8_t* weight,
                 const Requantization& to, std::int16_t* output, int threads);

void max_pool_int8(const MaxPoolParams& params, const std::int16_t* input, std::int16_t* output, int threads);

// output[p] = clamp(rne(f32(Σ input[p]) ⊗ multiplier)) in u8. `planes` is N * C, `plane` is H * W.
void global_average_pool_int8(std::int64_t planes, std::int64_t plane, const std::int16_t* input,
                              float multiplier, std::int16_t* output, int threads);

// output[n][o] = f32(bias[o] + Σ weight[o][i] · input[n][i]) ⊗ multiplier[o]
void fully_connected_int8(const FullyConnectedParams& params, const std::int16_t* input,
                          const std::int8_t* weight, const std::int32_t* bias, const float* multiplier,
                          float* output, int threads);

}  // namespace resnet::reference
