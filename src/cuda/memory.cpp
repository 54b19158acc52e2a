#include "cuda/memory.hpp"

#include "core/memory_budget.hpp"
#include "cuda/check.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

// What is allocated on all devices, and against whose budget: needed when it is freed.
class Allocations {
 public:
  void add(void* memory, std::size_t bytes, std::shared_ptr<MemoryBudget> budget) {
    const std::lock_guard lock(mutex_);
    known_.emplace(memory, Allocation{bytes, std::move(budget)});
  }
  void remove(void* memory) noexcept {
    std::unique_lock lock(mutex_);
    const auto it = known_.find(memory);
    if (it == known_.end()) return;
    const Allocation allocation = std::move(it->second);
    known_.erase(it);
    lock.unlock();
    allocation.budget->give_back(allocation.bytes);
  }

 private:
  struct Allocation {
    std::size_t bytes;
    std::shared_ptr<MemoryBudget> budget;
  };
  std::mutex mutex_;
  std::unordered_map<void*, Allocation> known_;
};

Allocations& allocations() {
  static auto* const all = new Allocations;  // never deleted: a Session may be freed after it otherwise
  return *all;
}

}  // namespace

void* allocate_device(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::shared_ptr<MemoryBudget>& budget = MemoryScope::budget();
  if (budget) budget->take(bytes, MemoryScope::purpose());
  void* memory = nullptr;
  try {
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      std::size_t free = 0, total = 0;
      RESNET_CUDA_CHECK(cudaMemGetInfo(&free, &total));
      throw Error(ErrorCode::out_of_memory, fmt::format("the GPU has no room for the {} that {} needs: {} of "
                                                        "its {} are free; lower --batch, or end other "
                                                        "programs that use it",
                                                        describe_memory(bytes), MemoryScope::purpose(),
                                                        describe_memory(free), describe_memory(total)));
    }
    check(status, "cudaMalloc(&memory, bytes)", __FILE__, __LINE__);
    if (budget) allocations().add(memory, bytes, budget);
  } catch (...) {
    if (memory != nullptr) static_cast<void>(cudaFree(memory));
    if (budget) budget->give_back(bytes);
    throw;
  }
  return memory;
}

void* allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t status = cudaMallocHost(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("{} of the machine's memory cannot be locked for the GPU: lower --batch or --threads, or "
                    "end other programs",
                    describe_memory(bytes)));
  }
  check(status, "cudaMallocHost(&memory, bytes)", __FILE__, __LINE__);
  return memory;
}

void free_device(void* memory) noexcept {
  if (memory == nullptr) return;
  allocations().remove(memory);
  static_cast<void>(cudaFree(memory));
}

void free_pinned(void* memory) noexcept {
  static_cast<void>(cudaFreeHost(memory));
}

void copy_bytes(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  RESNET_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream));
}

void copy_bytes_and_wait(void* to, const void* from, std::size_t bytes) {
  copy_bytes(to, from, bytes, nullptr);
  // From memory that is not page-locked the call before returns with the last piece still on its way.
  RESNET_CUDA_CHECK(cudaStreamSynchronize(nullptr));
}

void clear_bytes_and_wait(void* memory, std::size_t bytes) {
  if (bytes == 0) return;
  RESNET_CUDA_CHECK(cudaMemsetAsync(memory, 0, bytes, nullptr));
  RESNET_CUDA_CHECK(cudaStreamSynchronize(nullptr));
}

}  // namespace resnet::cuda
