// One large allocation that is carved into cache-line-aligned pieces: a network's packed weights, or a
// run's activations. One mapping instead of dozens lets the kernel back it with huge pages, which saves
// most of the page faults at start-up and most of the TLB misses afterwards.
#pragma once

#include <cstddef>

namespace resnet {

class Arena {
 public:
  Arena() = default;
  // Reserves room for `bytes`; the memory reads as zero. Throws std::bad_alloc.
  explicit Arena(std::size_t bytes);
  ~Arena();
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;

  // The next `bytes` bytes, aligned to 64. The caller has summed padded(bytes) of all its pieces for the
  // constructor; asking for more throws Error{internal}.
  std::byte* take(std::size_t bytes);
  // Likewise, `count` values of T.
  template <class T>
  T* take_array(std::size_t count) {
    return reinterpret_cast<T*>(take(count * sizeof(T)));
  }
  // What a piece of `bytes` bytes takes up.
  static constexpr std::size_t padded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace resnet
