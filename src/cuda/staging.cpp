#include "cuda/staging.hpp"

#include "core/thread_pool.hpp"
#include "cuda/check.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>

namespace resnet::cuda {
namespace {

// A piece is a quarter of what is copied, so that bringing and copying overlap, but neither so small that
// starting a copy (some microseconds) takes longer than it, nor so large that the ring takes memory that
// others could use.
constexpr std::size_t kLeastPiece = std::size_t{128} << 10, kLargestPiece = std::size_t{1} << 20;
constexpr std::size_t kLeastSlots = 4, kSlotsPerThread = 2;
// From here on several threads bring pieces; below, waking them takes longer than they save. On a machine of
// 16 processors with an H200, 8 threads bring 38.5 MB in 1.1 ms and 154 MB in 3.5 ms, one in 4.0 and 18.8;
// the bus takes 0.7 and 2.8, and 16 threads are no faster (2026-11-21).
constexpr std::size_t kShared = std::size_t{1} << 20;
constexpr int kMostThreads = 8;

std::size_t divide_up(std::size_t a, std::size_t b) {
  return (a + b - 1) / b;
}

std::size_t piece_size(std::size_t bytes, std::size_t largest) {
  constexpr std::size_t kPage = 4096;
  return std::clamp(divide_up(bytes, 4 * kPage) * kPage, kLeastPiece, std::max(kLeastPiece, largest));
}

// Whether the GPU reaches this memory by itself.
bool is_locked(const void* memory) {
  cudaPointerAttributes attributes{};
  RESNET_CUDA_CHECK(cudaPointerGetAttributes(&attributes, memory));
  return attributes.type != cudaMemoryTypeUnregistered;
}

}  // namespace

Staging::Staging(std::size_t largest, int threads)
    : threads_(largest < kShared ? 1 : std::clamp(threads, 1, kMostThreads)),
      slot_bytes_(piece_size(largest, kLargestPiece)) {
  const std::size_t slots = std::max(kLeastSlots, kSlotsPerThread * static_cast<std::size_t>(threads_));
  for (std::size_t i = 0; i < slots; ++i) reached_.emplace_back(cudaEventDisableTiming);
  ring_ = PinnedBuffer<std::byte>(slots * slot_bytes_);
}

std::size_t Staging::piece_of(std::size_t bytes) const {
  return piece_size(bytes, slot_bytes_);
}

void Staging::to_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (is_locked(from)) {
    copy_bytes(to, from, bytes, stream);
    return;
  }
  const std::size_t piece = piece_of(bytes), pieces = divide_up(bytes, piece);
  std::atomic<std::size_t> next{0};
  // Pieces that nobody has taken yet, through the slots rank, rank + members, …
  const auto bring = [&](std::size_t rank, std::size_t members) {
    const std::size_t own = reached_.size() / members;
    // A member may come to use its slots again: where the others are held up, it takes all pieces.
    const bool again = pieces > own;
    for (std::size_t turn = 0;; ++turn) {
      const std::size_t begin = next.fetch_add(1, std::memory_order_relaxed) * piece;
      if (begin >= bytes) return;
      const std::size_t index = turn % own * members + rank, count = std::min(piece, bytes - begin);
      if (turn >= own) reached_[index].wait_yielding();
      std::memcpy(slot(index), static_cast<const std::byte*>(from) + begin, count);
      copy_bytes(static_cast<std::byte*>(to) + begin, slot(index), count, stream);
      if (again) reached_[index].record(stream);
    }
  };
  if (bytes < kShared || threads_ == 1) {
    bring(0, 1);
    return;
  }
  int device = 0;
  RESNET_CUDA_CHECK(cudaGetDevice(&device));
  std::mutex mutex;
  std::exception_ptr failure;
  ThreadPool::shared().run(threads_, [&](const Team& team) {
    try {
      const DeviceScope scope(device);  // a thread's own choice
      bring(static_cast<std::size_t>(team.rank()), static_cast<std::size_t>(team.size()));
    } catch (...) {  // nothing may leave a member of a team
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

void Staging::to_host(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (is_locked(to)) {
    copy_bytes(to, from, bytes, stream);
    reached_[0].record(stream);
    reached_[0].wait_yielding();
    return;
  }
  const std::size_t piece = piece_of(bytes), pieces = divide_up(bytes, piece);
  const auto queue = [&](std::size_t i) {
    const std::size_t index = i % reached_.size(), begin = i * piece;
    copy_bytes(slot(index), static_cast<const std::byte*>(from) + begin, std::min(piece, bytes - begin),
               stream);
    reached_[index].record(stream);
  };
  for (std::size_t i = 0; i < std::min(pieces, reached_.size()); ++i) queue(i);
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t index = i % reached_.size(), begin = i * piece;
    reached_[index].wait_yielding();
    std::memcpy(static_cast<std::byte*>(to) + begin, slot(index), std::min(piece, bytes - begin));
    if (i + reached_.size() < pieces) queue(i + reached_.size());
  }
}

}  // namespace resnet::cuda
