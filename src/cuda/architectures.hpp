// Which GPUs the kernels of a build run on.
#pragma once

#include <string>
#include <string_view>

namespace resnet::cuda {

// Whether kernels compiled for `architectures` ("90a-real,90-virtual", the list of cmake/ResnetCuda.cmake)
// run on a GPU of compute capability major.minor. Machine code runs on its own major version from its minor
// version on, that with an "a" on exactly its own, and PTX on everything from its version on.
bool runs_on(std::string_view architectures, int major, int minor);

// The same list for people: "sm_90a and PTX of compute_90".
std::string describe_architectures(std::string_view architectures);

}  // namespace resnet::cuda
