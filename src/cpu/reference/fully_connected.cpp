#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

namespace resnet::reference {

void fully_connected(const FullyConnectedParams& p, const float* input, const float* weight,
                     const float* bias, float* output, int threads) {
  parallel_for(threads, p.n * p.outputs, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* in = input + i / p.outputs * p.inputs;
      const float* row = weight + i % p.outputs * p.inputs;
      double sum = static_cast<double>(bias[i % p.outputs]);
      for (std::int64_t k = 0; k < p.inputs; ++k)
        sum += static_cast<double>(row[k]) * static_cast<double>(in[k]);
      output[i] = static_cast<float>(sum);
    }
  });
}

}  // namespace resnet::reference
