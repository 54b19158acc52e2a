// The instructions of Ampere and later that C++ has no words for: copies from memory to shared memory that
// pass the registers by (cp.async), matrices from shared memory into registers (ldmatrix), and a warp's
// matrix product (mma.sync). PTX ISA 7.0, chapters of these names.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/shared_address.cuh"

#include <cstdint>
#include <type_traits>

namespace resnet::cuda::mma {

// 16 bytes from `from` into shared memory, or zeros.
__device__ __forceinline__ void copy_or_zero(std::uint32_t to, const void* from, bool copy) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(copy ? 16 : 0)
               : "memory");
}

// The copies since the last call are a group; at most kLeft groups of a thread are still on their way.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kLeft>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

// Four matrices of 8 rows of 16 bytes: thread 8 · i + r gives the address of row r of matrix i, and thread 4
// · r + t receives bytes 4 · t … 4 · t + 3 of row r of each.
__device__ __forceinline__ void load_matrices(unsigned (&d)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(address)
               : "memory");
}

// D[16][8] += A[16][32 bytes] · B[8][32 bytes]^T. Thread 4 · g + t holds of D rows g (d[0], d[1]) and g + 8
// (d[2], d[3]), columns 2 · t and 2 · t + 1.
template <class Format, class Sum>
__device__ __forceinline__ void multiply(Sum* d, const unsigned (&a)[4], unsigned b0, unsigned b1) {
  if constexpr (std::is_same_v<Format, Int8>) {
    asm volatile(
        "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
        "%1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else if constexpr (std::is_same_v<Format, BFloat>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

}  // namespace resnet::cuda::mma
