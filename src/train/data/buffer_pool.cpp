#include "train/data/buffer_pool.hpp"

#include <new>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {

std::shared_ptr<BufferPool> BufferPool::make(std::size_t bytes, Allocate allocate) {
  if (!allocate) {
    allocate = [](std::size_t count) { return std::shared_ptr<std::uint8_t[]>(new std::uint8_t[count]); };
  }
  return std::shared_ptr<BufferPool>(new BufferPool(bytes, std::move(allocate)));
}

std::shared_ptr<std::uint8_t[]> BufferPool::take() {
  std::shared_ptr<std::uint8_t[]> buffer;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      buffer = std::move(free_.back());
      free_.pop_back();
    }
  }
  try {
    if (!buffer) buffer = allocate_(bytes_);
  } catch (const std::bad_alloc&) {
    buffer = nullptr;
  }
  if (!buffer) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("not enough memory for a batch of {} bytes: use a smaller batch or prefetch less",
                            bytes_));
  }
  std::uint8_t* const bytes = buffer.get();
  return {bytes, [pool = weak_from_this(), held = std::move(buffer)](std::uint8_t*) mutable {
            if (const std::shared_ptr<BufferPool> home = pool.lock()) home->give_back(std::move(held));
          }};
}

void BufferPool::give_back(std::shared_ptr<std::uint8_t[]> buffer) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  } catch (...) {  // no room in the list: the buffer is freed
  }
}

}  // namespace resnet::train
