// Buffers of one size that are used again: pinned memory is dear to allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace resnet::train {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  using Allocate = std::function<std::shared_ptr<std::uint8_t[]>(std::size_t bytes)>;

  // An empty `allocate` takes memory from the heap.
  static std::shared_ptr<BufferPool> make(std::size_t bytes, Allocate allocate);

  // A buffer that comes back when its last owner lets go of it, in whatever thread, and is freed where the
  // pool is gone by then. Throws what `allocate` throws, and Error{out_of_memory} where it gives none.
  std::shared_ptr<std::uint8_t[]> take();

 private:
  BufferPool(std::size_t bytes, Allocate allocate) : bytes_(bytes), allocate_(std::move(allocate)) {}
  void give_back(std::shared_ptr<std::uint8_t[]> buffer) noexcept;

  std::size_t bytes_;
  Allocate allocate_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<std::uint8_t[]>> free_;
};

}  // namespace resnet::train
