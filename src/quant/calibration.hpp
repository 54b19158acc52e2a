// Calibration: what the activations of an fp32 network are like on some pictures.
#pragma once

#include "quant/activation_statistics.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>

#include <resnet/model.hpp>

namespace resnet::quant {

// Calls its argument with every calibration input, [N, 3, H, W], in the same order each time.
using CalibrationData = std::function<void(const std::function<void(std::span<const float>, const Shape&)>&)>;

// By activation: the convolution that leaves it ("layer1.0.conv1", bias, shortcut and ReLU applied; "conv1"
// before the max pool), and the two below.
using Statistics = std::map<std::string, ActivationStatistics, std::less<>>;
inline constexpr const char* kPixels = "pixels";   // the stem's input: 8-bit pixels, centred (docs/int8.md)
inline constexpr const char* kPooled = "avgpool";  // what fc reads

// Two passes of the network on the cpu backend. `threads` is that of SessionOptions. Throws Error
// {invalid_argument} where there is no data.
Statistics calibrate(const Model& model, const CalibrationData& data, int threads);

}  // namespace resnet::quant
