#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

#include <cmath>

namespace resnet::reference {

BatchNorm make_batch_norm(std::span<const float> gamma, std::span<const float> beta,
                          std::span<const float> mean, std::span<const float> var, double eps) {
  BatchNorm bn;
  bn.scale.reserve(gamma.size());
  bn.shift.reserve(gamma.size());
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(var[c]) + eps);
    bn.scale.push_back(static_cast<float>(scale));
    bn.shift.push_back(
        static_cast<float>(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * scale));
  }
  return bn;
}

void batch_norm(const BatchNorm& bn, std::int64_t n, std::int64_t plane, const float* input, float* output,
                int threads) {
  const auto channels = static_cast<std::int64_t>(bn.scale.size());
  parallel_for(threads, n * channels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto channel = static_cast<std::size_t>(i % channels);
      const auto scale = static_cast<double>(bn.scale[channel]),
                 shift = static_cast<double>(bn.shift[channel]);
      const float* in = input + i * plane;
      float* out = output + i * plane;
      for (std::int64_t x = 0; x < plane; ++x) {
        out[x] = static_cast<float>(static_cast<double>(in[x]) * scale + shift);
      }
    }
  });
}

}  // namespace resnet::reference
