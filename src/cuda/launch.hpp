// Programmatic dependent launch, where the device's kernels know it.
#pragma once

#include <cuda_runtime_api.h>

namespace resnet::cuda {

// Lets a kernel be set up while the one before it in the stream runs, whose results it then waits for itself
// (wait_for_prerequisites in dispatch.cuh). Returns how many attributes were set: 1, or 0 where the current
// device's code is older than sm_90, which cannot wait.
unsigned set_overlap(cudaLaunchAttribute& attribute);

}  // namespace resnet::cuda
