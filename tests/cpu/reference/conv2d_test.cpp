// The reference convolution against the definition, element by element, on shapes that are odd, prime,
// ragged against its tiles, or smaller than the kernel's reach.

#include "cpu/reference/ops.hpp"
#include "support/random_values.hpp"

#include <cmath>
#include <ostream>

#include <gtest/gtest.h>

namespace resnet::reference {

void PrintTo(const Conv2dParams& p, std::ostream* out) {
  *out << "n" << p.n << " ic" << p.ic << " " << p.ih << "x" << p.iw << " oc" << p.oc << " k" << p.kernel
       << " s" << p.stride << " p" << p.padding;
}

namespace {

using test::random_values;

// One output element, straight from the formula in ops.hpp.
double expected_element(const Conv2dParams& p, const std::vector<float>& input,
                        const std::vector<float>& weight, std::int64_t n, std::int64_t oc, std::int64_t y,
                        std::int64_t x) {
  double sum = 0;
  for (std::int64_t c = 0; c < p.ic; ++c) {
    for (std::int64_t ky = 0; ky < p.kernel; ++ky) {
      for (std::int64_t kx = 0; kx < p.kernel; ++kx) {
        const std::int64_t iy = y * p.stride + ky - p.padding, ix = x * p.stride + kx - p.padding;
        if (iy < 0 || iy >= p.ih || ix < 0 || ix >= p.iw) continue;
        const auto in = static_cast<std::size_t>(((n * p.ic + c) * p.ih + iy) * p.iw + ix);
        const auto w = static_cast<std::size_t>(((oc * p.ic + c) * p.kernel + ky) * p.kernel + kx);
        sum += static_cast<double>(input[in]) * static_cast<double>(weight[w]);
      }
    }
  }
  return sum;
}

class Conv2d : public testing::TestWithParam<Conv2dParams> {};

TEST_P(Conv2d, EqualsTheDefinition) {
  const Conv2dParams& p = GetParam();
  const std::vector<float> input = random_values(p.n * p.ic * p.ih * p.iw, 1);
  const std::vector<float> weight = random_values(p.oc * p.ic * p.kernel * p.kernel, 2);
  std::vector<float> output(static_cast<std::size_t>(p.n * p.oc * p.oh() * p.ow()), std::nanf(""));
  conv2d(p, input.data(), weight.data(), output.data(), 1);

  std::size_t i = 0;
  for (std::int64_t n = 0; n < p.n; ++n) {
    for (std::int64_t oc = 0; oc < p.oc; ++oc) {
      for (std::int64_t y = 0; y < p.oh(); ++y) {
        for (std::int64_t x = 0; x < p.ow(); ++x, ++i) {
          const double expected = expected_element(p, input, weight, n, oc, y, x);
          // Only the last rounding to fp32 may show.
          ASSERT_NEAR(static_cast<double>(output[i]), expected, 1e-7 * std::abs(expected) + 1e-12)
              << "n " << n << " oc " << oc << " y " << y << " x " << x;
        }
      }
    }
  }
}

TEST_P(Conv2d, BitsDoNotDependOnTheThreadCount) {
  const Conv2dParams& p = GetParam();
  const std::vector<float> input = random_values(p.n * p.ic * p.ih * p.iw, 3);
  const std::vector<float> weight = random_values(p.oc * p.ic * p.kernel * p.kernel, 4);
  const auto count = static_cast<std::size_t>(p.n * p.oc * p.oh() * p.ow());
  std::vector<float> one(count), three(count);
  conv2d(p, input.data(), weight.data(), one.data(), 1);
  conv2d(p, input.data(), weight.data(), three.data(), 3);
  EXPECT_EQ(one, three);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Conv2d,
    testing::Values(
        Conv2dParams{.n = 1, .ic = 1, .ih = 1, .iw = 1, .oc = 1, .kernel = 1, .stride = 1, .padding = 0},
        Conv2dParams{.n = 1, .ic = 1, .ih = 1, .iw = 1, .oc = 2, .kernel = 3, .stride = 1, .padding = 1},
        Conv2dParams{.n = 2, .ic = 3, .ih = 5, .iw = 7, .oc = 4, .kernel = 3, .stride = 1, .padding = 1},
        Conv2dParams{.n = 1, .ic = 5, .ih = 7, .iw = 7, .oc = 3, .kernel = 3, .stride = 2, .padding = 1},
        Conv2dParams{.n = 1, .ic = 3, .ih = 6, .iw = 8, .oc = 2, .kernel = 3, .stride = 2, .padding = 1},
        Conv2dParams{.n = 3, .ic = 7, .ih = 9, .iw = 4, .oc = 5, .kernel = 1, .stride = 2, .padding = 0},
        Conv2dParams{.n = 1, .ic = 3, .ih = 33, .iw = 37, .oc = 3, .kernel = 7, .stride = 2, .padding = 3},
        // narrower than the 7x7 kernel
        Conv2dParams{.n = 1, .ic = 2, .ih = 3, .iw = 2, .oc = 2, .kernel = 7, .stride = 2, .padding = 3},
        // several tiles down
        Conv2dParams{.n = 1, .ic = 2, .ih = 61, .iw = 53, .oc = 2, .kernel = 3, .stride = 1, .padding = 1},
        // several tiles across
        Conv2dParams{.n = 1, .ic = 1, .ih = 3, .iw = 2053, .oc = 1, .kernel = 3, .stride = 1, .padding = 1},
        Conv2dParams{.n = 1, .ic = 1, .ih = 5, .iw = 4099, .oc = 1, .kernel = 3, .stride = 2, .padding = 1}));

TEST(Conv2dHandMade, AKernelOfOnesCountsTheNeighboursInside) {
  const Conv2dParams p{.n = 1, .ic = 1, .ih = 2, .iw = 3, .oc = 1, .kernel = 3, .stride = 1, .padding = 1};
  const std::vector<float> input(6, 1.0f), weight(9, 1.0f);
  std::vector<float> output(6);
  conv2d(p, input.data(), weight.data(), output.data(), 1);
  EXPECT_EQ(output, (std::vector<float>{4, 6, 4, 4, 6, 4}));
}

}  // namespace
}  // namespace resnet::reference
