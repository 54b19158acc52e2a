#include "train/log/histogram.hpp"

#include "support/random_values.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

TEST(Histogram, EveryValueIsInTheBinThatHoldsIt) {
  const std::vector<float> values = test::random_values(1001, 3);
  const Histogram h = make_histogram(values, 7);
  ASSERT_EQ(h.counts.size(), 7u);
  ASSERT_EQ(h.right_edges.size(), 7u);
  EXPECT_EQ(h.count, 1001);
  EXPECT_EQ(std::accumulate(h.counts.begin(), h.counts.end(), 0.0), 1001);
  double left = h.min;
  for (std::size_t i = 0; i < 7; ++i) {
    double inside = 0;
    for (const float v : values) {
      const double value = static_cast<double>(v);
      inside += value >= left && (value < h.right_edges[i] || (i == 6 && value == h.max)) ? 1 : 0;
    }
    EXPECT_EQ(h.counts[i], inside) << "bin " << i;
    left = h.right_edges[i];
  }
  EXPECT_EQ(left, h.max);
}

TEST(Histogram, OneValueNoneAndWhatIsNoNumber) {
  const Histogram none = make_histogram({});
  EXPECT_EQ(none.counts, std::vector<double>{0});
  const std::vector<float> same(5, 0.25f);
  const Histogram one = make_histogram(same);
  EXPECT_EQ(one.counts, std::vector<double>{5});
  EXPECT_EQ(one.min, 0.25);
  EXPECT_EQ(one.right_edges, std::vector<double>{0.25});
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const std::vector<float> bad{nan, 1.0f, inf, 3.0f, -inf};
  const Histogram rest = make_histogram(bad, 2);
  EXPECT_EQ(rest.not_finite, 3);
  EXPECT_EQ(rest.count, 2);
  EXPECT_EQ(rest.sum, 4);
  EXPECT_EQ(rest.sum_of_squares, 10);
  EXPECT_EQ(rest.counts, (std::vector<double>{1, 1}));
  EXPECT_THROW(make_histogram(same, 0), Error);
}

TEST(Histogram, TheWidestRangeDoesNotOverflow) {
  const float most = std::numeric_limits<float>::max();
  const std::vector<float> values{-most, 0.0f, most};
  const Histogram h = make_histogram(values, 2);
  EXPECT_EQ(h.counts, (std::vector<double>{1, 2}));
  EXPECT_TRUE(std::isfinite(h.sum_of_squares));
}

}  // namespace
}  // namespace resnet::train
