// Which GPUs the kernels of a build run on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace resnet::cuda {

// What runs on a GPU: the architecture that its kernels were compiled for, 80 for sm_80, and whether with
// instructions of that one alone ("90a").
struct Code {
  int version = 0;
  bool exact = false;
};

// Whether kernels compiled for `architectures` ("90a-real,90-virtual", the list of cmake/ResnetCuda.cmake)
// run on a GPU of compute capability major.minor. Machine code runs on its own major version from its minor
// version on, that with an "a" on exactly its own, and PTX on everything from its version on.
bool runs_on(std::string_view architectures, int major, int minor);

// Which of them the driver takes: machine code before PTX, then the newest. Empty where none runs.
std::optional<Code> code_for(std::string_view architectures, int major, int minor);

// The same list for people: "sm_90a and PTX of compute_90".
std::string describe_architectures(std::string_view architectures);

}  // namespace resnet::cuda
