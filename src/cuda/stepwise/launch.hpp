// What launchers share.
#pragma once

#include <cstdint>

namespace resnet::cuda::stepwise {

// Blocks of `size` threads for `count` items.
constexpr unsigned blocks_for(std::int64_t count, int size) {
  return static_cast<unsigned>((count + size - 1) / size);
}

}  // namespace resnet::cuda::stepwise
