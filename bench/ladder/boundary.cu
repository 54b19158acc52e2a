// A layer is: block b writes next[b] = last[b + 1] + 1, so that no block can begin the layer after before its
// neighbour has ended this one. After kLayers of them every number is kLayers.
//
//   layer i      b0  b1  b2  …        one kernel a layer: the next begins when all blocks have ended
//                  \/  \/             one kernel for all: the blocks count themselves at a barrier in memory,
//   layer i + 1  b0  b1  b2  …        and each waits until the count is whole
//
// Bound of a barrier in memory: a write that the others can see, an atomic addition, and a read of what the
// last one added, each a way to the L2 cache and back (0.3 µs).
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/graph.hpp"
#include "cuda/memory.hpp"
#include "cuda/stream.hpp"
#include "ladder/boundary.hpp"
#include "ladder/measure.hpp"

#include <algorithm>
#include <functional>

#include <resnet/error.hpp>

namespace resnet::ladder {
namespace {

constexpr int kLayers = 200, kBlock = 128;

__device__ void layer(const int* last, int* next, int blocks) {
  const int b = static_cast<int>(blockIdx.x);
  if (threadIdx.x == 0) next[b] = __ldcg(last + (b + 1) % blocks) + 1;
}

__global__ void layer_kernel(const int* last, int* next) {
  cuda::launch_dependents();
  cuda::wait_for_prerequisites();
  layer(last, next, static_cast<int>(gridDim.x));
}

// `arrived` is zero before. All blocks have to run at once.
__global__ void persistent_kernel(int* a, int* b, int* arrived) {
  const int blocks = static_cast<int>(gridDim.x);
  for (int i = 0; i < kLayers; ++i) {
    layer(i % 2 == 0 ? a : b, i % 2 == 0 ? b : a, blocks);
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(arrived, 1);
      while (*static_cast<volatile int*>(arrived) < (i + 1) * blocks) {
      }
      __threadfence();
    }
    __syncthreads();
  }
}

// Chains of layers over two rows of numbers.
class Chain {
 public:
  explicit Chain(int blocks) : blocks_(blocks), a_(size()), b_(size()), arrived_(1) {}

  void kernels(cudaStream_t stream, bool overlap) const {
    clear(stream);
    for (int i = 0; i < kLayers; ++i) {
      cudaLaunchAttribute attribute{};
      cudaLaunchConfig_t config{};
      config.gridDim = dim3(static_cast<unsigned>(blocks_));
      config.blockDim = dim3(kBlock);
      config.stream = stream;
      config.attrs = &attribute;
      config.numAttrs = overlap ? cuda::set_overlap(attribute) : 0;
      RESNET_CUDA_CHECK(cudaLaunchKernelEx(&config, layer_kernel,
                                           static_cast<const int*>(i % 2 == 0 ? a_.data() : b_.data()),
                                           i % 2 == 0 ? b_.data() : a_.data()));
    }
  }

  void persistent(cudaStream_t stream) const {
    clear(stream);
    int *a = a_.data(), *b = b_.data(), *arrived = arrived_.data();
    void* arguments[] = {&a, &b, &arrived};
    RESNET_CUDA_CHECK(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(&persistent_kernel),
                                                  dim3(static_cast<unsigned>(blocks_)), dim3(kBlock),
                                                  arguments, 0, stream));
  }

  // Microseconds a layer of what `launch` queues.
  double time(int runs, const std::function<void(cudaStream_t)>& launch) const {
    const cuda::Stream stream;
    const double ms = device_ms(runs, stream.get(), launch);
    std::vector<int> values(size());
    cuda::copy_bytes(values.data(), a_.data(), a_.bytes(), stream.get());
    stream.synchronize();
    if (std::ranges::any_of(values, [](int v) { return v != kLayers; }))
      throw Error(ErrorCode::internal, "a layer began before the one before had ended");
    return ms * 1e3 / kLayers;
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(blocks_); }
  void clear(cudaStream_t stream) const {
    RESNET_CUDA_CHECK(cudaMemsetAsync(a_.data(), 0, a_.bytes(), stream));
    RESNET_CUDA_CHECK(cudaMemsetAsync(arrived_.data(), 0, arrived_.bytes(), stream));
  }

  int blocks_;
  cuda::DeviceBuffer<int> a_, b_, arrived_;
};

}  // namespace

std::vector<Boundary> time_boundaries(const Gpu& gpu, int runs) {
  const Chain chain(gpu.multiprocessors);
  const auto graph_of = [&](bool overlap) {
    const cuda::Stream stream;
    return cuda::Graph(stream.get(), [&] { chain.kernels(stream.get(), overlap); });
  };
  const cuda::Graph plain = graph_of(false), overlapped = graph_of(true);
  std::vector<Boundary> boundaries;
  const auto add = [&](const char* way, const std::function<void(cudaStream_t)>& launch) {
    boundaries.push_back({way, chain.time(runs, launch)});
  };
  add("kernels in a stream", [&](cudaStream_t s) { chain.kernels(s, false); });
  add("kernels in a graph", [&](cudaStream_t s) { plain.launch(s); });
  add("kernels in a graph, each set up while the one before runs",
      [&](cudaStream_t s) { overlapped.launch(s); });
  add("one kernel, whose blocks wait for one another", [&](cudaStream_t s) { chain.persistent(s); });
  return boundaries;
}

}  // namespace resnet::ladder
