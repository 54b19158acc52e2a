// A blocked activation with guard values around it, filled from and read back as NCHW by the kernels under
// test.
#pragma once

#include "core/arena.hpp"
#include "cpu/kernels.hpp"

#include <algorithm>
#include <vector>

namespace resnet::test {

class BlockedBuffer {
 public:
  BlockedBuffer(const cpu::KernelTable& kernels, int n, int c, int h, int w, int halo)
      : kernels_(kernels),
        count_(static_cast<std::size_t>(n) * c * (h + 2 * halo) * (w + 2 * halo)),
        arena_(Arena::padded(count_) + 2 * kGuard) {
    float* memory = arena_.take(Arena::padded(count_) + 2 * kGuard);
    // What a kernel reads before anything wrote it shows up in the result.
    std::fill(memory, memory + Arena::padded(count_) + 2 * kGuard, kSentinel);
    activation_ = {memory + kGuard, n, c, h, w, halo};
    kernels_.zero_halo(activation_, 0, 1);
  }

  const cpu::Activation& activation() const { return activation_; }

  void fill(const std::vector<float>& nchw) { kernels_.to_blocked(nchw.data(), activation_, 0, 1); }

  std::vector<float> nchw() const {
    const cpu::Activation& a = activation_;
    std::vector<float> values(static_cast<std::size_t>(a.n) * a.c * a.h * a.w);
    kernels_.from_blocked(a, a.c, values.data(), 0, 1);
    return values;
  }

  // Nothing was written outside.
  bool guards_intact() const {
    const float* before = activation_.data - kGuard;
    const float* after = activation_.data + count_;
    const auto intact = [](float v) { return v == kSentinel; };
    return std::all_of(before, before + kGuard, intact) && std::all_of(after, after + kGuard, intact);
  }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr float kSentinel = 1e30f;

  const cpu::KernelTable& kernels_;
  std::size_t count_;
  Arena arena_;
  cpu::Activation activation_;
};

}  // namespace resnet::test
