// Every call of the CUDA runtime goes through RESNET_CUDA_CHECK, and every launch is followed by
// check_launch().
#pragma once

#include <cuda_runtime_api.h>

namespace resnet::cuda {

// Throws resnet::Error for any status but success, with the expression, its place, and what to do about it:
// out_of_memory, device_unavailable (no device, no driver, lost, wrong architecture), otherwise internal.
void check(cudaError_t status, const char* expression, const char* file, int line);

// What the launch before it left: a wrong launch configuration, or no code for this device. An error inside
// the kernel shows at the next synchronising call. `kernel` is its name.
void check_launch(const char* kernel, const char* file = __builtin_FILE(), int line = __builtin_LINE());

}  // namespace resnet::cuda

#define RESNET_CUDA_CHECK(expression) ::resnet::cuda::check((expression), #expression, __FILE__, __LINE__)
