// In place of the rest of this folder where there was no CUDA compiler.
#include "cuda/devices.hpp"

namespace resnet::cuda {

const DeviceList& devices() {
  static const DeviceList none{
      .devices = {},
      .problem = "this build has no CUDA: it was made without nvcc, or with -DRESNET_CUDA=OFF"};
  return none;
}

}  // namespace resnet::cuda
