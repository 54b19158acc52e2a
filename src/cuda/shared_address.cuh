// Shared memory as PTX addresses it: a 32-bit offset within the shared window.
#pragma once

#include <cstdint>

namespace resnet::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

}  // namespace resnet::cuda
