#include "cuda/graph.hpp"

#include "cuda/check.hpp"

namespace resnet::cuda {

Graph::Graph(cudaStream_t stream, const std::function<void()>& launches) {
  // Other threads may allocate memory meanwhile, which a global capture would forbid them.
  RESNET_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    launches();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    throw;
  }
  RESNET_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  RESNET_CUDA_CHECK(status);
}

Graph::~Graph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
}

void Graph::launch(cudaStream_t stream) const {
  RESNET_CUDA_CHECK(cudaGraphLaunch(executable_, stream));
}

}  // namespace resnet::cuda
