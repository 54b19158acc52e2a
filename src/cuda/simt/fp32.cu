#include "cuda/simt/implicit_gemm.cuh"
#include "cuda/simt/kernels.hpp"

namespace resnet::cuda::simt {

gathered::Kernels fp32_kernels() {
  return kernels_of<Single>();
}

}  // namespace resnet::cuda::simt
