// From a run-time precision to the format that a kernel is compiled for, and the launch of kernels whose
// threads own one item each.
#pragma once

#include "cuda/check.hpp"
#include "cuda/elements.cuh"
#include "cuda/launch.hpp"

#include <cuda_runtime.h>

#include <resnet/precision.hpp>

namespace resnet::cuda {

// f(Format{}) for the precision's format.
template <class F>
void with_format(Precision precision, F&& f) {
  switch (precision) {
    case Precision::int8:
      return f(Int8{});
    case Precision::fp16:
      return f(Half{});
    case Precision::bf16:
      return f(BFloat{});
    default:
      return f(Single{});
  }
}

constexpr int kThreads = 256;  // a block

// Programmatic dependent launch (PTX griddepcontrol): a kernel may be set up while the one before it runs.
// Each waits for what the one before wrote; nothing that a kernel writes is read or written before that.
__device__ __forceinline__ void wait_for_prerequisites() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ __forceinline__ void launch_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// kernel(arguments…) with a thread for each item.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), std::size_t items, cudaStream_t stream, Arguments... arguments) {
  cudaLaunchAttribute overlap{};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>((items + kThreads - 1) / kThreads));
  config.blockDim = dim3(kThreads);
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = set_overlap(overlap);
  RESNET_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
}

}  // namespace resnet::cuda
