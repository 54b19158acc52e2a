#include "cpu/reference/ops.hpp"
#include "support/random_values.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace resnet::reference {
namespace {

TEST(FullyConnected, HandMade) {
  const std::vector<float> input{1, 2, 3, -1, 0, 1};        // 2 x 3
  const std::vector<float> weight{1, 0, 0, 10, 100, 1000};  // 2 x 3
  const std::vector<float> bias{0.5f, -0.5f};
  std::vector<float> output(4);
  fully_connected({.n = 2, .inputs = 3, .outputs = 2}, input.data(), weight.data(), bias.data(),
                  output.data(), 1);
  EXPECT_EQ(output, (std::vector<float>{1.5f, 3209.5f, -0.5f, 989.5f}));
}

TEST(FullyConnected, OddSizesOnAnyThreads) {
  const FullyConnectedParams p{.n = 3, .inputs = 517, .outputs = 11};
  const std::vector<float> input = test::random_values(p.n * p.inputs, 7);
  const std::vector<float> weight = test::random_values(p.outputs * p.inputs, 8);
  const std::vector<float> bias = test::random_values(p.outputs, 9);
  std::vector<float> one(static_cast<std::size_t>(p.n * p.outputs)), four(one.size());
  fully_connected(p, input.data(), weight.data(), bias.data(), one.data(), 1);
  fully_connected(p, input.data(), weight.data(), bias.data(), four.data(), 4);
  EXPECT_EQ(one, four);
  for (std::size_t i = 0; i < one.size(); ++i) {
    const std::size_t image = i / 11, row = i % 11;
    double sum = static_cast<double>(bias[row]);
    for (std::size_t k = 0; k < 517; ++k) {
      sum += static_cast<double>(input[image * 517 + k]) * static_cast<double>(weight[row * 517 + k]);
    }
    EXPECT_NEAR(static_cast<double>(one[i]), sum, 1e-7 * std::abs(sum));
  }
}

}  // namespace
}  // namespace resnet::reference
