#include "train/data/sample_rng.hpp"

#include <cmath>
#include <initializer_list>

namespace resnet::train {
namespace {

constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15u;

}  // namespace

std::uint64_t mix_bits(std::uint64_t bits) noexcept {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

// Each number enters through a mixing of all before it, so that (seed 1, epoch 2) is not (seed 2, epoch 1).
SampleRng::SampleRng(std::uint64_t seed, std::int64_t epoch, std::int64_t sample,
                     std::int64_t stream) noexcept
    : state_(seed) {
  for (const std::int64_t part : {epoch, sample, stream}) {
    state_ = mix_bits(state_ + kGoldenRatio) ^ static_cast<std::uint64_t>(part);
  }
  state_ = mix_bits(state_ + kGoldenRatio);
}

std::uint64_t SampleRng::next() noexcept {
  state_ += kGoldenRatio;
  return mix_bits(state_);
}

double SampleRng::uniform() noexcept {
  return static_cast<double>(next() >> 11) * 0x1p-53;
}

double SampleRng::uniform(double from, double to) noexcept {
  return from + (to - from) * uniform();
}

// Draws from the tail that would make some values likelier than others are thrown away.
std::int64_t SampleRng::below(std::int64_t count) noexcept {
  const auto range = static_cast<std::uint64_t>(count);
  const std::uint64_t uneven = (0 - range) % range;  // 2^64 modulo range
  std::uint64_t bits = next();
  while (bits < uneven) bits = next();
  return static_cast<std::int64_t>(bits % range);
}

bool SampleRng::chance(double probability) noexcept {
  return uniform() < probability;
}

// Jöhnk's method (1964): of two powers of uniform numbers whose sum is at most 1, the share of the first. It
// accepts more than half of the draws for alpha <= 1, which is all that mixup uses.
double SampleRng::symmetric_beta(double alpha) noexcept {
  for (;;) {
    const double x = std::pow(uniform(), 1 / alpha);
    const double y = std::pow(uniform(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

}  // namespace resnet::train
