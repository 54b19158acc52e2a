#include "cuda/simt/implicit_gemm.cuh"
#include "cuda/simt/kernels.hpp"

namespace resnet::cuda::simt {

gathered::Kernels int8_kernels() {
  return kernels_of<Int8>();
}

}  // namespace resnet::cuda::simt
