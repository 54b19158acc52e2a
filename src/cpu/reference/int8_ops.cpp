#include "cpu/reference/int8_ops.hpp"

#include "cpu/reference/parallel.hpp"

#include <algorithm>
#include <array>

namespace resnet::reference {
namespace {

constexpr std::int64_t kRow = 512;  // output pixels whose accumulators lie on the stack at once

// Output columns [first, last) of [begin, end) whose input column o * stride + k - padding lies in the image.
struct Columns {
  std::int64_t first, last;
};
Columns columns_inside(std::int64_t begin, std::int64_t end, std::int64_t k, const Conv2dParams& p) {
  const std::int64_t low = std::max<std::int64_t>(0, p.padding - k);
  const std::int64_t high = p.iw - 1 + p.padding - k;
  const std::int64_t first = std::max(begin, (low + p.stride - 1) / p.stride);
  const std::int64_t last = high < 0 ? begin : std::min(end, high / p.stride + 1);
  return {first, std::max(first, last)};
}

// Columns [begin, end) of one output row of one channel: sums[x - begin] += Σ weight · input.
void conv_row(const Conv2dParams& p, std::int64_t y, std::int64_t begin, std::int64_t end,
              const std::int16_t* image, const std::int8_t* weight, std::int32_t* sums) {
  for (std::int64_t c = 0; c < p.ic; ++c) {
    for (std::int64_t ky = 0; ky < p.kernel; ++ky) {
      const std::int64_t row = y * p.stride + ky - p.padding;
      if (row < 0 || row >= p.ih) continue;
      for (std::int64_t kx = 0; kx < p.kernel; ++kx) {
        const Columns xs = columns_inside(begin, end, kx, p);
        const std::int16_t w = weight[(c * p.kernel + ky) * p.kernel + kx];
        const std::int16_t* in = image + (c * p.ih + row) * p.iw + kx - p.padding;
        for (std::int64_t x = xs.first; x < xs.last; ++x) sums[x - begin] += w * in[x * p.stride];
      }
    }
  }
}

}  // namespace

void conv2d_int8(const Conv2dParams& p, const std::int16_t* input, const std::int8_t* weight,
                 const Requantization& to, std::int16_t* output, int threads) {
  const std::int64_t oh = p.oh(), ow = p.ow();
  parallel_for(threads, p.n * p.oc * oh, [&](std::int64_t first, std::int64_t last) {
    std::array<std::int32_t, kRow> sums;
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t n = task / (p.oc * oh), oc = task / oh % p.oc, y = task % oh;
      for (std::int64_t begin = 0; begin < ow; begin += kRow) {
        const std::int64_t end = std::min(ow, begin + kRow);
        std::fill_n(sums.begin(), end - begin, to.bias[oc]);
        conv_row(p, y, begin, end, input + n * p.ic * p.ih * p.iw, weight + oc * p.ic * p.kernel * p.kernel,
                 sums.data());
        const std::int64_t at = task * ow + begin;
        for (std::int64_t x = 0; x < end - begin; ++x) {
          const auto i = static_cast<std::size_t>(x);
          const std::int32_t q = to.residual == nullptr
                                     ? requantize(sums[i], to.multiplier[oc], to.range)
                                     : requantize_add(sums[i], to.multiplier[oc], to.residual[at + x],
                                                      to.residual_multiplier, to.range);
          output[at + x] = static_cast<std::int16_t>(q);
        }
      }
    }
  });
}

void max_pool_int8(const MaxPoolParams& p, const std::int16_t* input, std::int16_t* output, int threads) {
  const std::int64_t oh = p.oh(), ow = p.ow();
  parallel_for(threads, p.planes * oh, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      const std::int16_t* plane = input + task / oh * p.ih * p.iw;
      const std::int64_t y0 = task % oh * p.stride - p.padding;
      for (std::int64_t ox = 0; ox < ow; ++ox) {
        const std::int64_t x0 = ox * p.stride - p.padding;
        std::int16_t best = INT16_MIN;
        for (std::int64_t y = std::max<std::int64_t>(0, y0); y < std::min(p.ih, y0 + p.kernel); ++y) {
          for (std::int64_t x = std::max<std::int64_t>(0, x0); x < std::min(p.iw, x0 + p.kernel); ++x)
            best = std::max(best, plane[y * p.iw + x]);
        }
        output[task * ow + ox] = best;
      }
    }
  });
}

void global_average_pool_int8(std::int64_t planes, std::int64_t plane, const std::int16_t* input,
                              float multiplier, std::int16_t* output, int threads) {
  parallel_for(threads, planes, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t p = first; p < last; ++p) {
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < plane; ++i) sum += input[p * plane + i];
      output[p] = static_cast<std::int16_t>(requantize(sum, multiplier, kUnsignedRange));
    }
  });
}

void fully_connected_int8(const FullyConnectedParams& p, const std::int16_t* input, const std::int8_t* weight,
                          const std::int32_t* bias, const float* multiplier, float* output, int threads) {
  parallel_for(threads, p.n * p.outputs, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task) {
      const std::int64_t o = task % p.outputs;
      const std::int16_t* in = input + task / p.outputs * p.inputs;
      const std::int8_t* w = weight + o * p.inputs;
      std::int32_t sum = bias[o];
      for (std::int64_t i = 0; i < p.inputs; ++i) sum += w[i] * in[i];
      output[task] = static_cast<float>(sum) * multiplier[o];
    }
  });
}

}  // namespace resnet::reference
