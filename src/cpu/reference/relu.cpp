#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

namespace resnet::reference {

void relu(std::int64_t count, const float* input, float* output, int threads) {
  parallel_for(threads, count, [&](std::int64_t begin, std::int64_t end) {
    // Written so that a NaN, which compares false with everything, passes through.
    for (std::int64_t i = begin; i < end; ++i) output[i] = input[i] < 0 ? 0.0f : input[i];
  });
}

}  // namespace resnet::reference
