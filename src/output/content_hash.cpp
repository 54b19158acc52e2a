#include "output/content_hash.hpp"

#include <cstring>

#include <fmt/format.h>

namespace resnet {
namespace {

constexpr std::uint64_t kMultiplier = 0x9ddfea08eb382d69ULL;

// Multiply and fold: every input bit reaches the high half, the shift brings it down again.
std::uint64_t mix(std::uint64_t state, std::uint64_t value) noexcept {
  state = (state ^ value) * kMultiplier;
  return state ^ (state >> 32);
}

}  // namespace

void ContentHash::add(std::uint64_t value) noexcept {
  state_ = mix(state_, value);
}

void ContentHash::add(std::span<const std::byte> bytes) noexcept {
  // Four chains side by side, because one would wait for its own multiplications: weights are 100 MB.
  std::uint64_t lane[4] = {state_, state_ + 1, state_ + 2, state_ + 3};
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; left -= 32, p += 32) {
    std::uint64_t word[4];
    std::memcpy(word, p, sizeof word);
    for (int i = 0; i < 4; ++i) lane[i] = mix(lane[i], word[i]);
  }
  std::uint64_t tail[4] = {};
  if (left > 0) std::memcpy(tail, p, left);
  for (int i = 0; i < 4; ++i) add(mix(lane[i], tail[i]));
  add(static_cast<std::uint64_t>(bytes.size()));
}

void ContentHash::add(std::string_view text) noexcept {
  add(std::as_bytes(std::span(text)));
}

std::string ContentHash::hex() const {
  return fmt::format("{:016x}", state_);
}

}  // namespace resnet
