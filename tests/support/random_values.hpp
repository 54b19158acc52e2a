// Seeded test values, the same on every platform (the standard library's distributions are not).
#pragma once

#include <cstdint>
#include <vector>

namespace resnet::test {

// Uniform in [-1, 1).
inline std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (float& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<float>(static_cast<double>(state >> 40) * 0x1p-23 - 1.0);
  }
  return values;
}

}  // namespace resnet::test
