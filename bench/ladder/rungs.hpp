// The rungs on the ordinary arithmetic units, in order: each is the one before with one idea more.
#pragma once

#include "ladder/network.hpp"

#include <array>

namespace resnet::ladder {

struct Rung {
  const char* name;
  const char* idea;
  Kernels kernels;
};

inline constexpr std::array<Rung, 6> kRungs{{
    {"tiled",
     "`im2col`, a product through tiles of 32 x 32, a kernel for every operation",
     {.product = Product::tiled}},
    {"register tiling",
     "a square of 8 x 8 results in each thread's registers",
     {.product = Product::register_tiled}},
    {"double buffering",
     "the next step's values on their way while this one is computed",
     {.product = Product::double_buffered}},
    {"implicit GEMM",
     "no column matrix: places in the picture worked out while loading",
     {.product = Product::implicit}},
    {"Winograd 3x3",
     "36 products for 144 where the stride is 1",
     {.product = Product::implicit, .winograd = true}},
    {"fusion",
     "BatchNorm, shortcut and ReLU before a sum leaves its register",
     {.product = Product::implicit, .winograd = true, .fused = true}},
}};

}  // namespace resnet::ladder
