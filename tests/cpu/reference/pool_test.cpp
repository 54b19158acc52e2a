#include "cpu/reference/ops.hpp"
#include "support/random_values.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace resnet::reference {
namespace {

TEST(MaxPool, PaddingNeverWins) {
  // All negative: a border taken as zero would show.
  const MaxPoolParams p{.planes = 1, .ih = 3, .iw = 4, .kernel = 3, .stride = 2, .padding = 1};
  const std::vector<float> input{-1, -2,  -3,  -4,  //
                                 -5, -6,  -7,  -8,  //
                                 -9, -10, -11, -12};
  std::vector<float> output(static_cast<std::size_t>(p.oh() * p.ow()));
  max_pool(p, input.data(), output.data(), 1);
  EXPECT_EQ(p.oh(), 2);
  EXPECT_EQ(p.ow(), 2);
  EXPECT_EQ(output, (std::vector<float>{-1, -2, -5, -6}));
}

TEST(MaxPool, NanAlwaysWins) {
  const MaxPoolParams p{.planes = 1, .ih = 2, .iw = 2, .kernel = 3, .stride = 2, .padding = 1};
  const std::vector<float> input{1, std::nanf(""), 3, 4};
  std::vector<float> output(1);
  max_pool(p, input.data(), output.data(), 1);
  EXPECT_TRUE(std::isnan(output[0]));
}

TEST(MaxPool, OddPlanesOnAnyThreads) {
  const MaxPoolParams p{.planes = 7, .ih = 13, .iw = 9, .kernel = 3, .stride = 2, .padding = 1};
  const std::vector<float> input = test::random_values(p.planes * p.ih * p.iw, 6);
  const auto count = static_cast<std::size_t>(p.planes * p.oh() * p.ow());
  std::vector<float> one(count), five(count);
  max_pool(p, input.data(), one.data(), 1);
  max_pool(p, input.data(), five.data(), 5);
  EXPECT_EQ(one, five);
  for (std::int64_t plane = 0; plane < p.planes; ++plane) {
    for (std::int64_t y = 0; y < p.oh(); ++y) {
      for (std::int64_t x = 0; x < p.ow(); ++x) {
        float largest = -std::numeric_limits<float>::infinity();
        for (std::int64_t iy = 2 * y - 1; iy <= 2 * y + 1; ++iy) {
          for (std::int64_t ix = 2 * x - 1; ix <= 2 * x + 1; ++ix) {
            if (iy < 0 || iy >= p.ih || ix < 0 || ix >= p.iw) continue;
            largest = std::max(largest, input[static_cast<std::size_t>((plane * p.ih + iy) * p.iw + ix)]);
          }
        }
        EXPECT_EQ(one[static_cast<std::size_t>((plane * p.oh() + y) * p.ow() + x)], largest);
      }
    }
  }
}

TEST(GlobalAveragePool, KeepsSmallValuesBesideLargeOnes) {
  // In an fp32 sum the ones would vanish beside 2^25.
  const std::vector<float> input{0x1p25f, 1, 1, 1, -0x1p25f, 0, 5, 5, 5, 5, 5, 5};
  std::vector<float> output(2);
  global_average_pool(2, 6, input.data(), output.data(), 2);
  EXPECT_EQ(output, (std::vector<float>{0.5f, 5.0f}));
}

}  // namespace
}  // namespace resnet::reference
