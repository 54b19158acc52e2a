// Memory of the GPU and page-locked memory of the host: move-only, sized in elements, copied only by a call
// that says so.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <cuda_runtime_api.h>

namespace resnet::cuda {

// Throw Error{out_of_memory} that says what wanted how much, how much is free, and what to change; memory of
// the device also where the calling thread's budget is used up (core/memory_budget.hpp). No bytes, no memory.
void* allocate_device(std::size_t bytes);
void* allocate_pinned(std::size_t bytes);
void free_device(void* memory) noexcept;
void free_pinned(void* memory) noexcept;

template <class T, void* (*kAllocate)(std::size_t), void (*kFree)(void*) noexcept>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  // `count` elements with arbitrary content.
  explicit Buffer(std::size_t count) : data_(static_cast<T*>(kAllocate(count * sizeof(T)))), size_(count) {}
  ~Buffer() { kFree(data_); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return size_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// On the device that is current when it is made; aligned to 256 bytes.
template <class T>
using DeviceBuffer = Buffer<T, allocate_device, free_device>;

// Memory of the host that the device copies from and to while the host goes on.
template <class T>
using PinnedBuffer = Buffer<T, allocate_pinned, free_pinned>;

// Queues a copy. The source must stay as it is, and the destination must be left alone, until the stream has
// done it; host memory that is not page-locked makes the call wait.
void copy_bytes(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

// A copy that is done when the call returns, for every stream.
void copy_bytes_and_wait(void* to, const void* from, std::size_t bytes);

// Zeros, there for every stream when the call returns.
void clear_bytes_and_wait(void* memory, std::size_t bytes);

// A device buffer with these values, there when the call returns.
template <class T>
DeviceBuffer<T> upload(std::span<const T> values) {
  DeviceBuffer<T> buffer(values.size());
  copy_bytes_and_wait(buffer.data(), values.data(), values.size_bytes());
  return buffer;
}

}  // namespace resnet::cuda
