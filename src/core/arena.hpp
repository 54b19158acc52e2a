// One large fp32 allocation that is carved into cache-line-aligned pieces: a network's packed weights, or a
// run's activations. One mapping instead of dozens lets the kernel back it with huge pages, which saves
// most of the page faults at start-up and most of the TLB misses afterwards.
#pragma once

#include <cstddef>

namespace resnet {

class Arena {
 public:
  Arena() = default;
  // Reserves room for `floats`; the memory reads as zero. Throws std::bad_alloc.
  explicit Arena(std::size_t floats);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // The next `count` floats, aligned to 64 bytes. The caller has summed padded(count) of all its pieces
  // for the constructor; asking for more throws Error{internal}.
  float* take(std::size_t count);
  // What a piece of `count` floats takes up.
  static constexpr std::size_t padded(std::size_t count) { return (count + 15) / 16 * 16; }

  std::size_t floats() const noexcept { return size_; }

 private:
  float* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace resnet
