#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

namespace resnet::reference {

void add(std::int64_t count, const float* a, const float* b, float* output, int threads) {
  parallel_for(threads, count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) output[i] = a[i] + b[i];
  });
}

}  // namespace resnet::reference
