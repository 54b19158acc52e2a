// Random numbers that depend on nothing but what they are for: a generator is made anew for every sample of
// every epoch, so that neither the number of workers nor of processes changes a draw. The distributions are
// our own because those of the standard library differ from one implementation to the next.
#pragma once

#include <cstdint>

namespace resnet::train {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014): a counter
// in steps of the golden ratio, each mixed to 64 random bits.
class SampleRng {
 public:
  explicit SampleRng(std::uint64_t seed) noexcept : state_(seed) {}
  // `stream` tells apart what is drawn independently for one sample of one epoch.
  SampleRng(std::uint64_t seed, std::int64_t epoch, std::int64_t sample, std::int64_t stream = 0) noexcept;

  std::uint64_t next() noexcept;

  double uniform() noexcept;                        // [0, 1), multiples of 2^-53
  double uniform(double from, double to) noexcept;  // [from, to)
  std::int64_t below(std::int64_t count) noexcept;  // 0 … count - 1, each as likely; count >= 1
  bool chance(double probability) noexcept;         // never at 0, always at 1
  double symmetric_beta(double alpha) noexcept;     // Beta(alpha, alpha); 0 < alpha <= 1

 private:
  std::uint64_t state_;
};

// The finaliser of SplitMix64: a bijection of 64 bits in which every input bit moves half of the output's.
std::uint64_t mix_bits(std::uint64_t bits) noexcept;

}  // namespace resnet::train
