// Measures the table of choose.hpp on the GPU at hand: every convolution of ResNet-18, -34 and -50 at 224 ×
// 224, in every precision, at every batch size, with every kernel that could run it. Free of CUDA's headers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cuda::sm90 {

// A network's convolutions between stem and head, by the sum of what each takes by itself.
struct TuneSum {
  int depth;
  Precision precision;
  Plan plan;
  int batch;
  double rule_ms, before_ms, now_ms;  // by the rule, by the program's own table, by the new one
};

struct TuneResult {
  std::string rows;  // of the table, a line a layer
  std::vector<TuneSum> sums;
};

// Takes half a minute on an H200, and 2.7 GB of its memory. Throws Error{device_unavailable, out_of_memory}.
TuneResult tune(int device, const std::function<void(std::int64_t done, std::int64_t all)>& progress);

}  // namespace resnet::cuda::sm90
