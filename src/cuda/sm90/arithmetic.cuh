// What the number formats differ in on Hopper: the product, and the order of a thread's columns.
#pragma once

#include "cuda/epilogue.cuh"
#include "cuda/sm90/ptx.cuh"

#include <type_traits>

namespace resnet::cuda::sm90 {

// D[64][N] (+)= A · B of one wgmma, 32 bytes of k.
template <class Format, class Sum, int kSums>
__device__ __forceinline__ void multiply(Sum (&d)[kSums], std::uint64_t a, std::uint64_t b, int add) {
  if constexpr (std::is_same_v<Format, Int8>) {
    wgmma_u8s8(d, a, b, add);
  } else if constexpr (std::is_same_v<Format, BFloat>) {
    wgmma_bf16(d, a, b, add);
  } else {
    wgmma_f16(d, a, b, add);
  }
}

// The channel of the first of the two columns, 8 · j + 2 · t and the next, that a wgmma leaves thread t of a
// row. In int8 the weights' rows are ordered (int8_row in cuda/layers.hpp) so that a thread's four columns of
// sixteen are neighbours.
template <class Element>
__device__ __forceinline__ int channel_of(int j, int t) {
  return sizeof(Element) == 1 ? j / 2 * 16 + t * 4 + j % 2 * 2 : j * 8 + t * 2;
}

}  // namespace resnet::cuda::sm90
