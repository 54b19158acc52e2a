#include "cuda/memory.hpp"

#include "cuda/check.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

double gib(std::size_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0);
}

}  // namespace

void* allocate_device(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    std::size_t free = 0, total = 0;
    RESNET_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("the GPU has no room for {:.2f} GiB: {:.2f} of {:.2f} GiB are free; lower --batch, or "
                    "end other programs that use it",
                    gib(bytes), gib(free), gib(total)));
  }
  check(status, "cudaMalloc(&memory, bytes)", __FILE__, __LINE__);
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
        fmt::format("no {:.2f} GiB of memory can be locked for the GPU: lower --batch, or raise the limit "
                    "of locked memory (`ulimit -l`)",
                    gib(bytes)));
  }
  check(status, "cudaMallocHost(&memory, bytes)", __FILE__, __LINE__);
  return memory;
}

void free_device(void* memory) noexcept {
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

}  // namespace resnet::cuda
