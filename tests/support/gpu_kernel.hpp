// Running one kernel in a test, and judging what it left.
#pragma once

#include "cuda/memory.hpp"
#include "cuda/stream.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::test {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::size_t kGuard = 64;  // values behind an output that no kernel may touch
inline constexpr float kGuardValue = 12345.0f;

// Runs `launch(output, stream)` on an output that is NaN everywhere, so that a value left out shows, with
// guards behind it.
template <class Launch>
std::vector<float> run_kernel(std::size_t count, const Launch& launch) {
  std::vector<float> values(count + kGuard, kNan);
  std::fill(values.begin() + static_cast<std::ptrdiff_t>(count), values.end(), kGuardValue);
  const auto output = cuda::upload<float>(values);
  const cuda::Stream stream;
  launch(output.data(), stream.get());
  cuda::copy_bytes(values.data(), output.data(), output.bytes(), stream.get());
  stream.synchronize();
  for (std::size_t i = count; i < values.size(); ++i)
    EXPECT_EQ(values[i], kGuardValue) << "written behind the end";
  values.resize(count);
  return values;
}

inline cuda::DeviceBuffer<float> on_device(const std::vector<float>& values) {
  return cuda::upload<float>(values);
}

// The largest difference is at most `tolerance` of the largest expected value.
inline void expect_near(const std::vector<float>& ours, const std::vector<float>& expected,
                        double tolerance) {
  ASSERT_EQ(ours.size(), expected.size());
  double largest = 0, worst = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::fmax(largest, std::fabs(static_cast<double>(expected[i])));
    const double difference = std::fabs(static_cast<double>(ours[i]) - static_cast<double>(expected[i]));
    if (!(difference <= worst)) worst = difference, where = i;
  }
  ASSERT_GT(largest, 0) << "nothing was compared";
  EXPECT_LE(worst, tolerance * largest)
      << "at " << where << ": " << ours[where] << ", expected " << expected[where];
}

}  // namespace resnet::test
