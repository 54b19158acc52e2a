// The whole numbers that a tensor is rounded to.
#pragma once

namespace resnet::train {

struct Levels {
  int low = 0;
  int high = 0;
};

// −(2^(bits−1) − 1) … 2^(bits−1) − 1: symmetric, as the engine's −127 … 127. bits: 2 to 8.
constexpr Levels signed_levels(int bits) {
  const int most = (1 << (bits - 1)) - 1;
  return {-most, most};
}

// 0 … 2^bits − 1: behind a ReLU. bits: 1 to 8.
constexpr Levels unsigned_levels(int bits) {
  return {0, (1 << bits) - 1};
}

}  // namespace resnet::train
