#include "cpu/reference/ops.hpp"
#include "support/random_values.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace resnet::reference {
namespace {

TEST(BatchNorm, CoefficientsAreRoundedOnceFromDouble) {
  const std::vector<float> gamma{2.0f, 0.5f}, beta{1.0f, -3.0f}, mean{4.0f, 1000.0f}, var{0.25f, 1e-12f};
  const BatchNorm bn = make_batch_norm(gamma, beta, mean, var, 1e-5);
  const double scale0 = 2.0 / std::sqrt(0.25 + 1e-5);
  const double scale1 = 0.5 / std::sqrt(static_cast<double>(1e-12f) + 1e-5);
  EXPECT_EQ(bn.scale, (std::vector<float>{static_cast<float>(scale0), static_cast<float>(scale1)}));
  EXPECT_EQ(bn.shift, (std::vector<float>{static_cast<float>(1.0 - 4.0 * scale0),
                                          static_cast<float>(-3.0 - 1000.0 * scale1)}));
}

TEST(BatchNorm, IsOneRoundedMultiplyAddAChannelInPlaceToo) {
  const BatchNorm bn{.scale = {3.0f, -0.1f, 1e6f}, .shift = {0.5f, 7.0f, -1e6f}};
  const std::int64_t n = 2, plane = 5;
  std::vector<float> values = test::random_values(n * 3 * plane, 5);
  std::vector<float> expected;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / 5 % 3;
    expected.push_back(std::fma(values[i], bn.scale[c], bn.shift[c]));
  }
  batch_norm(bn, n, plane, values.data(), values.data(), 2);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_FLOAT_EQ(values[i], expected[i]) << i;
}

TEST(Relu, ClampsNegativesAndKeepsNan) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> values{-1.0f, 0.0f, 2.5f, -inf, inf, std::nanf(""), -1e-30f};
  relu(static_cast<std::int64_t>(values.size()), values.data(), values.data(), 3);
  EXPECT_EQ(values[0], 0.0f);
  EXPECT_EQ(values[1], 0.0f);
  EXPECT_EQ(values[2], 2.5f);
  EXPECT_EQ(values[3], 0.0f);
  EXPECT_EQ(values[4], inf);
  EXPECT_TRUE(std::isnan(values[5]));
  EXPECT_EQ(values[6], 0.0f);
}

TEST(Add, AddsInPlaceToo) {
  std::vector<float> a{1, 2, 3}, b{10, 20, 30};
  add(3, a.data(), b.data(), a.data(), 2);
  EXPECT_EQ(a, (std::vector<float>{11, 22, 33}));
}

}  // namespace
}  // namespace resnet::reference
