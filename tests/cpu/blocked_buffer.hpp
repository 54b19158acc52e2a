// A blocked activation with guard values around it, filled from and read back as NCHW by the kernels under
// test.
#pragma once

#include "core/arena.hpp"
#include "cpu/kernels.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace resnet::test {

class BlockedBuffer {
 public:
  BlockedBuffer(const cpu::KernelTable& kernels, int n, int c, int h, int w, int halo)
      : kernels_(kernels),
        bytes_(static_cast<std::size_t>(kernels.element_bytes) * n * c * (h + 2 * halo) * (w + 2 * halo)),
        arena_(kGuard + Arena::padded(bytes_) + cpu::kSlackBytes),
        memory_(arena_.take(kGuard + Arena::padded(bytes_) + cpu::kSlackBytes)) {
    // What a kernel uses before anything wrote it shows up in the result: as fp32 and as bf16 it is 1.5e28.
    std::memset(memory_, kSentinel, kGuard + Arena::padded(bytes_) + cpu::kSlackBytes);
    activation_ = {memory_ + kGuard, n, c, h, w, halo};
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
    const auto intact = [](std::byte b) { return b == std::byte{kSentinel}; };
    const std::byte* end = memory_ + kGuard + bytes_;
    return std::all_of(memory_, memory_ + kGuard, intact) && std::all_of(end, end + cpu::kSlackBytes, intact);
  }

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr unsigned char kSentinel = 0x6e;

  const cpu::KernelTable& kernels_;
  std::size_t bytes_;
  Arena arena_;
  std::byte* memory_;
  cpu::Activation activation_;
};

}  // namespace resnet::test
