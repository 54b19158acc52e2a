// The rung "streams and workspace reuse": whole calls, from values in the host's memory to logits there.
#pragma once

#include "ladder/network.hpp"

#include <span>
#include <vector>

namespace resnet::ladder {

// A way to make calls, with the milliseconds of one.
struct CallTime {
  const char* name;
  const char* idea;
  double ms, predicted_ms;
};

struct CallTimes {
  std::vector<CallTime> times;          // each way is the one before with one thing changed
  std::size_t own_bytes, reused_bytes;  // of device memory, with a buffer a layer and with one workspace
};

// `compute_ms`: what the kernels take on the device. Every way's logits are compared with those of the first:
// throws Error{internal} where a bit differs.
CallTimes time_calls(const Weights& weights, const Shape& shape, std::span<const float> input, const Gpu& gpu,
                     double compute_ms, int runs);

}  // namespace resnet::ladder
