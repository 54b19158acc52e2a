#include "cuda/simt/implicit_gemm.cuh"
#include "cuda/simt/kernels.hpp"

namespace resnet::cuda::simt {

gathered::Kernels fp16_kernels() {
  return kernels_of<Half>();
}

}  // namespace resnet::cuda::simt
