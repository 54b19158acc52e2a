#include "cuda/launch.hpp"

#include "cuda/check.hpp"
#include "cuda/devices.hpp"

#include <cstddef>

namespace resnet::cuda {

unsigned set_overlap(cudaLaunchAttribute& attribute) {
  int device = 0;
  RESNET_CUDA_CHECK(cudaGetDevice(&device));
  if (devices().devices[static_cast<std::size_t>(device)].code < 90) return 0;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return 1;
}

}  // namespace resnet::cuda
