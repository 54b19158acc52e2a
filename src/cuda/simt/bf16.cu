#include "cuda/simt/implicit_gemm.cuh"
#include "cuda/simt/kernels.hpp"

namespace resnet::cuda::simt {

gathered::Kernels bf16_kernels() {
  return kernels_of<BFloat>();
}

}  // namespace resnet::cuda::simt
