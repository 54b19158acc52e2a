#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

namespace resnet::reference {

void global_average_pool(std::int64_t planes, std::int64_t plane, const float* input, float* output,
                         int threads) {
  parallel_for(threads, planes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double sum = 0;
      for (std::int64_t x = 0; x < plane; ++x) sum += static_cast<double>(input[i * plane + x]);
      output[i] = static_cast<float>(sum / static_cast<double>(plane));
    }
  });
}

}  // namespace resnet::reference
