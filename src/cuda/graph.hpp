// Kernels recorded once and launched together.
#pragma once

#include <functional>
#include <utility>

#include <cuda_runtime_api.h>

namespace resnet::cuda {

class Graph {
 public:
  Graph() = default;
  // Records what `launches` puts into `stream`; nothing of it runs.
  Graph(cudaStream_t stream, const std::function<void()>& launches);
  ~Graph();
  Graph(Graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    return *this;
  }

  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace resnet::cuda
