#include "quant/activation_statistics.hpp"

#include "support/random_values.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::quant {
namespace {

ActivationStatistics observed(const std::vector<float>& values, const Shape& shape) {
  ActivationStatistics s;
  s.observe_range(values, shape);
  s.observe_histogram(values);
  return s;
}

TEST(ActivationStatistics, MeansAreByChannel) {
  ActivationStatistics s;
  s.observe_range(std::vector<float>{1, 3, -2, 0, 5, 7, 2, 2}, Shape{2, 2, 1, 2});
  s.observe_range(std::vector<float>{2, 2, 8, 8}, Shape{1, 2, 1, 2});
  EXPECT_EQ(s.channel_means(), (std::vector<double>{20.0 / 6, 18.0 / 6}));
  EXPECT_EQ(s.largest(), 8);
}

TEST(ActivationStatistics, AnOutlierIsClippedUnlessMinmaxIsAskedFor) {
  std::vector<float> values = test::random_values(100'000, 1);
  values[500] = 40.0f;
  const ActivationStatistics s = observed(values, Shape{1, 10, 100, 100});
  EXPECT_FLOAT_EQ(static_cast<float>(s.choose_range(RangeMethod::minmax, 255).limit), 40.0f);
  EXPECT_NEAR(s.choose_range(RangeMethod::percentile, 255).limit, 1.0, 0.02);
  // One outlier of 40² in 100,000 values costs less to keep than 40/255 steps cost everybody else.
  const ActivationRange best = s.choose_range(RangeMethod::automatic, 255);
  EXPECT_LE(best.squared_error, s.choose_range(RangeMethod::minmax, 255).squared_error);
  EXPECT_LE(best.squared_error, s.choose_range(RangeMethod::percentile, 255).squared_error);
  EXPECT_LE(best.squared_error, s.choose_range(RangeMethod::mse, 255).squared_error);
}

TEST(ActivationStatistics, TheErrorIsThatOfQuantising) {
  const std::vector<float> values = test::random_values(50'000, 2);
  const ActivationStatistics s = observed(values, Shape{1, 5, 100, 100});
  const ActivationRange range = s.choose_range(RangeMethod::minmax, 127);
  const double scale = range.limit / 127;
  double error = 0;
  for (const float v : values) {
    const double q = std::nearbyint(static_cast<double>(v) / scale) * scale;
    error += (static_cast<double>(v) - q) * (static_cast<double>(v) - q);
  }
  EXPECT_NEAR(range.squared_error / (error / 50'000), 1.0, 0.05);
}

TEST(ActivationStatistics, OnlyZerosHaveARangeToo) {
  const ActivationStatistics s = observed(std::vector<float>(8), Shape{1, 2, 2, 2});
  EXPECT_GT(s.choose_range(RangeMethod::automatic, 255).limit, 0);
}

TEST(ActivationStatistics, MethodsByName) {
  EXPECT_EQ(parse_range_method("mse"), RangeMethod::mse);
  EXPECT_THROW(parse_range_method("entropy"), Error);
}

}  // namespace
}  // namespace resnet::quant
