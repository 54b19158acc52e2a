#include "core/requantize.hpp"

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace resnet {
namespace {

TEST(Requantize, RoundsTiesToEven) {
  EXPECT_EQ(round_to_range(0.5f, kUnsignedRange), 0);
  EXPECT_EQ(round_to_range(1.5f, kUnsignedRange), 2);
  EXPECT_EQ(round_to_range(2.5f, kUnsignedRange), 2);
  EXPECT_EQ(round_to_range(-0.5f, kSignedRange), 0);
  EXPECT_EQ(round_to_range(-1.5f, kSignedRange), -2);
  EXPECT_EQ(round_to_range(2.49999976f, kUnsignedRange), 2);
  EXPECT_EQ(round_to_range(2.50000024f, kUnsignedRange), 3);
}

TEST(Requantize, ClampsToTheRange) {
  EXPECT_EQ(round_to_range(255.5f, kUnsignedRange), 255);
  EXPECT_EQ(round_to_range(1e9f, kUnsignedRange), 255);
  EXPECT_EQ(round_to_range(-0.6f, kUnsignedRange), 0);
  EXPECT_EQ(round_to_range(-1e9f, kUnsignedRange), 0);
  EXPECT_EQ(round_to_range(-127.6f, kSignedRange), -127);
  EXPECT_EQ(round_to_range(127.6f, kSignedRange), 127);
}

// The rule in double, where every step can be rounded to fp32 by hand.
std::int32_t by_hand(std::int32_t acc, float m, std::int32_t r, float m_r, QuantizedRange range) {
  const auto product =
      static_cast<float>(static_cast<double>(static_cast<float>(acc)) * static_cast<double>(m));
  const auto shortcut = static_cast<float>(static_cast<double>(r) * static_cast<double>(m_r));
  const auto sum = static_cast<float>(static_cast<double>(product) + static_cast<double>(shortcut));
  const double rounded = std::nearbyint(static_cast<double>(sum));
  return static_cast<std::int32_t>(
      std::fmin(std::fmax(rounded, static_cast<double>(range.low)), static_cast<double>(range.high)));
}

TEST(Requantize, ProductAndSumRoundOnceEach) {
  std::uint64_t state = 1;
  const auto next = [&state] { return state = state * 6364136223846793005u + 1442695040888963407u; };
  int fused_would_differ = 0;
  for (int i = 0; i < 3'000'000; ++i) {
    const auto acc = static_cast<std::int32_t>(next() >> 40) - (1 << 23);
    const float m = static_cast<float>((next() >> 40) + 1) * 0x1p-40f;
    const auto r = static_cast<std::int32_t>(next() >> 56);
    const float m_r = static_cast<float>((next() >> 40) + 1) * 0x1p-24f;
    ASSERT_EQ(requantize_add(acc, m, r, m_r, kUnsignedRange), by_hand(acc, m, r, m_r, kUnsignedRange))
        << acc << ' ' << m << ' ' << r << ' ' << m_r;
    ASSERT_EQ(requantize(acc, m, kSignedRange), by_hand(acc, m, 0, 0, kSignedRange)) << acc << ' ' << m;
    const float fused = std::fma(static_cast<float>(acc), m, static_cast<float>(r) * m_r);
    fused_would_differ +=
        round_to_range(fused, kUnsignedRange) != requantize_add(acc, m, r, m_r, kUnsignedRange);
  }
  // What the rule is there for: without it some of these values would be others.
  EXPECT_GT(fused_would_differ, 0);
}

}  // namespace
}  // namespace resnet
