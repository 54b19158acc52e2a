#include "cpu/reference/int8_ops.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::reference {
namespace {

template <class T>
std::vector<T> random_steps(std::int64_t count, int low, int high, std::uint64_t seed) {
  std::vector<T> values(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (T& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<T>(low + static_cast<int>((state >> 33) % static_cast<std::uint64_t>(high - low + 1)));
  }
  return values;
}

struct Case {
  std::int64_t n, ic, h, w, oc, kernel, stride;
  bool residual;
};

// The sum of one output by its definition.
std::int64_t sum_at(const Case& c, const std::vector<std::int16_t>& in,
                    const std::vector<std::int8_t>& weight, std::int64_t n, std::int64_t oc, std::int64_t y,
                    std::int64_t x) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < c.ic; ++i) {
    for (std::int64_t ky = 0; ky < c.kernel; ++ky) {
      for (std::int64_t kx = 0; kx < c.kernel; ++kx) {
        const std::int64_t row = y * c.stride + ky - c.kernel / 2, column = x * c.stride + kx - c.kernel / 2;
        if (row < 0 || row >= c.h || column < 0 || column >= c.w) continue;
        sum +=
            std::int64_t{
                weight[static_cast<std::size_t>(((oc * c.ic + i) * c.kernel + ky) * c.kernel + kx)]} *
            in[static_cast<std::size_t>(((n * c.ic + i) * c.h + row) * c.w + column)];
      }
    }
  }
  return sum;
}

TEST(Int8Ops, ConvolutionIsItsDefinition) {
  const Case cases[] = {{1, 3, 9, 7, 5, 7, 2, false}, {2, 16, 7, 7, 8, 3, 1, true},
                        {1, 5, 6, 11, 3, 3, 2, true}, {3, 33, 4, 5, 7, 1, 1, false},
                        {1, 4, 1, 1, 2, 3, 1, false}, {1, 2, 3, 700, 2, 3, 1, true}};
  for (const Case& c : cases) {
    const Conv2dParams p{c.n, c.ic, c.h, c.w, c.oc, c.kernel, c.stride, c.kernel / 2};
    const auto in = random_steps<std::int16_t>(c.n * c.ic * c.h * c.w, -124, 255, 1);
    const auto weight = random_steps<std::int8_t>(c.oc * c.ic * c.kernel * c.kernel, -127, 127, 2);
    const auto bias = random_steps<std::int32_t>(c.oc, -100000, 100000, 3);
    const auto residual = random_steps<std::int16_t>(c.n * c.oc * p.oh() * p.ow(), -127, 255, 4);
    std::vector<float> multiplier;
    for (std::int64_t o = 0; o < c.oc; ++o) multiplier.push_back(0.0003f * static_cast<float>(o + 1));
    const Requantization to{bias.data(), multiplier.data(), c.residual ? kUnsignedRange : kSignedRange,
                            c.residual ? residual.data() : nullptr, 0.7f};
    for (const int threads : {1, 3}) {
      std::vector<std::int16_t> out(residual.size());
      conv2d_int8(p, in.data(), weight.data(), to, out.data(), threads);
      std::size_t at = 0;
      for (std::int64_t n = 0; n < c.n; ++n) {
        for (std::int64_t o = 0; o < c.oc; ++o) {
          for (std::int64_t y = 0; y < p.oh(); ++y) {
            for (std::int64_t x = 0; x < p.ow(); ++x, ++at) {
              const auto acc = static_cast<std::int32_t>(sum_at(c, in, weight, n, o, y, x) +
                                                         bias[static_cast<std::size_t>(o)]);
              const float m = multiplier[static_cast<std::size_t>(o)];
              const std::int32_t expected = c.residual
                                                ? requantize_add(acc, m, residual[at], 0.7f, kUnsignedRange)
                                                : requantize(acc, m, kSignedRange);
              ASSERT_EQ(out[at], expected) << n << ' ' << o << ' ' << y << ' ' << x;
            }
          }
        }
      }
    }
  }
}

TEST(Int8Ops, PoolsAndFullyConnected) {
  const std::vector<std::int16_t> in{1, 2, 3, 4, 250, 6, 7, 8, 9};
  std::vector<std::int16_t> out(4);
  max_pool_int8({.planes = 1, .ih = 3, .iw = 3, .kernel = 3, .stride = 2, .padding = 1}, in.data(),
                out.data(), 1);
  EXPECT_EQ(out, (std::vector<std::int16_t>{250, 250, 250, 250}));
  std::vector<std::int16_t> mean(1);
  global_average_pool_int8(1, 9, in.data(), 1.0f / 9, mean.data(), 1);
  EXPECT_EQ(mean[0], 32);  // 290 / 9 = 32.2

  const std::vector<std::int8_t> weight{1, -2, 127, -127};
  const std::vector<std::int16_t> x{255, 3};
  const std::vector<std::int32_t> bias{10, -5};
  const std::vector<float> multiplier{0.5f, 0.25f};
  std::vector<float> logits(2);
  fully_connected_int8({.n = 1, .inputs = 2, .outputs = 2}, x.data(), weight.data(), bias.data(),
                       multiplier.data(), logits.data(), 2);
  EXPECT_EQ(logits, (std::vector<float>{0.5f * (255 - 6 + 10), 0.25f * (127 * 255 - 127 * 3 - 5)}));
}

}  // namespace
}  // namespace resnet::reference
