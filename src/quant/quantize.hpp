// Post-training quantisation: from an fp32 model and some pictures to an int8 model (docs/int8.md).
//
//   1. Calibration: two passes of the fp32 network over the pictures, for the range and the histogram of
//   every
//      activation.
//   2. Activation scales, one a tensor, by RangeMethod.
//   3. Weight scales, one an output channel: the clipping with the least squared error (Banner et al. 2019).
//   4. Bias correction: what rounding the weights adds to each output's mean, for the mean of each input
//      channel, is taken off its bias (Nagel et al., "Data-Free Quantization", ICCV 2019).
//
// Everything is computed in double from the same sums in the same order: same model, same pictures, same
// bytes, whatever the threads.
#pragma once

#include "quant/calibration.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <resnet/model.hpp>

namespace resnet::quant {

struct QuantizeOptions {
  RangeMethod range = RangeMethod::automatic;
  // 8, 4 or 2. The weights of conv1 and fc, which suffer most, keep 8. Files hold fewer bits packed; they
  // compute as int8 all the same.
  int weight_bits = 8;
  // Left in fp32: parts as quantization_part() names them; "layer1" is all its blocks, and "head" is "fc".
  std::vector<std::string> keep{};
  int threads = 0;  // as SessionOptions::threads
};

struct LayerReport {
  std::string layer{};        // "layer1.0.conv1", "avgpool", "fc"
  double weight_sqnr_db = 0;  // signal to quantisation noise; 0 for avgpool
  double output_sqnr_db = 0;  // of the activation that it leaves; 0 for fc
  double output_limit = 0;    // the real value of its largest step
  double largest = 0;         // the largest value that calibration saw
  std::string range{};        // how the limit was chosen
  std::int64_t weights = 0;   // how many; none in avgpool
  int weight_bits = 0;        // of each
};

struct QuantizedNetwork {
  Model model;  // precision int8
  std::vector<LayerReport> layers;
};

// Throws Error{invalid_argument} where `model` is not fp32, there is no calibration data, no such number of
// bits, or nothing of the name to be kept.
QuantizedNetwork quantize(const Model& model, const CalibrationData& data, const QuantizeOptions& options);

}  // namespace resnet::quant
