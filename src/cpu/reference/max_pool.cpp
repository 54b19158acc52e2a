#include "cpu/reference/ops.hpp"
#include "cpu/reference/parallel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace resnet::reference {

void max_pool(const MaxPoolParams& p, const float* input, float* output, int threads) {
  const std::int64_t oh = p.oh(), ow = p.ow();
  parallel_for(threads, p.planes * oh, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* plane = input + row / oh * p.ih * p.iw;
      const std::int64_t top = row % oh * p.stride - p.padding;
      const std::int64_t y_begin = std::max<std::int64_t>(0, top), y_end = std::min(p.ih, top + p.kernel);
      for (std::int64_t x = 0; x < ow; ++x) {
        const std::int64_t left = x * p.stride - p.padding;
        const std::int64_t x_begin = std::max<std::int64_t>(0, left), x_end = std::min(p.iw, left + p.kernel);
        float largest = -std::numeric_limits<float>::infinity();
        for (std::int64_t iy = y_begin; iy < y_end; ++iy) {
          for (std::int64_t ix = x_begin; ix < x_end; ++ix) {
            const float value = plane[iy * p.iw + ix];
            if (value > largest || std::isnan(value)) largest = value;
          }
        }
        output[row * ow + x] = largest;
      }
    }
  });
}

}  // namespace resnet::reference
