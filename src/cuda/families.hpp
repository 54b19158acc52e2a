// Kernel families: with which instructions the backend `cuda` computes its convolutions. Free of CUDA's
// headers, and there in every build.
#pragma once

#include <string_view>
#include <vector>

namespace resnet::cuda {

enum class Family {
  sm90,  // Hopper: TMA and wgmma
  mma,   // Ampere and later: cp.async and mma.sync
  simt,  // Turing and later: FFMA and dp4a, no tensor cores
};
std::string_view to_string(Family family) noexcept;  // "sm90", as --isa says it

// The family of this name. Throws Error{invalid_argument} for any other.
Family parse_family(std::string_view name);

// Those that run on a GPU of compute capability major.minor with kernels compiled for `architectures` (the
// list of cmake/ResnetCuda.cmake), fastest first.
std::vector<Family> families_of(std::string_view architectures, int major, int minor);

}  // namespace resnet::cuda
