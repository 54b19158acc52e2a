// Copies between a caller's memory and the GPU.
//
// The GPU copies at full speed, and beside everything else, only from and to page-locked memory, which a
// caller's seldom is. So values pass through a ring of page-locked slots, piece by piece: while one piece is
// on its way to the GPU, the next is brought into its slot. What is large is brought by several threads, for
// one of them reaches but a part of what the bus can take:
//
//     caller's memory   | 0 | 1 | 2 | 3 | 4 | …      thread 0 takes 0, 2, 3, …, thread 1 takes 1, 4, …
//     slots             [0:0 2 …][1:…][2: 1 4 …][3:…]  each thread has its own, and waits only for its own
//     copies GPU               | 0 | 1 | 2 | …              in the order in which they were queued
//
// Memory that is page-locked (or the GPU's own) goes without the ring.
#pragma once

#include "cuda/memory.hpp"
#include "cuda/stream.hpp"

#include <cstddef>
#include <vector>

namespace resnet::cuda {

class Staging {
 public:
  // For copies of up to `largest` bytes, by up to `threads` threads.
  Staging(std::size_t largest, int threads);

  // Queues a copy to the current device. When this returns, the caller may change what lies at `from`, except
  // where it is page-locked: then it must stay as it is until the stream has come there.
  void to_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

  // A copy from the current device, behind what `stream` holds, that is done when this returns.
  void to_host(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

 private:
  std::byte* slot(std::size_t index) const { return ring_.data() + index * slot_bytes_; }
  std::size_t piece_of(std::size_t bytes) const;

  int threads_;
  std::size_t slot_bytes_;
  std::vector<Event> reached_;  // a slot each: the last copy from or to it
  PinnedBuffer<std::byte> ring_;
};

}  // namespace resnet::cuda
