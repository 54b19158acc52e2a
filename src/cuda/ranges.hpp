// Names for what the host puts into a stream, for NVIDIA's profilers: ranges of NVTX, a library of headers
// that asks nobody and costs next to nothing where no profiler listens (docs/gpu.md says how to see them). A
// toolkit without it builds all the same, without names.
#pragma once

#include <string>

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define RESNET_CUDA_NVTX 1
#endif

namespace resnet::cuda {

// From here to the end of its life, on the calling thread; ranges nest.
class Range {
 public:
#ifdef RESNET_CUDA_NVTX
  explicit Range(const std::string& name) {
    nvtxRangePushA(name.c_str());
  }
  ~Range() {
    nvtxRangePop();
  }
#else
  explicit Range(const std::string&) {}
  ~Range() {}
#endif
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace resnet::cuda
