// Hopper's instructions that C++ has no words for: barriers in shared memory, the tensor memory accelerator
// (TMA) and warpgroup matrix multiplication (wgmma). PTX ISA 8.x, chapters "mbarrier", "cp.async.bulk.tensor"
// and "wgmma".
#pragma once

#include "cuda/shared_address.cuh"

#include <cstdint>
#include <cstring>

#include <cuda.h>

namespace resnet::cuda::sm90 {

// Four, eight or sixteen bytes at a shared address that is a multiple of as many.
template <class T>
__device__ __forceinline__ void load_shared(std::uint32_t address, T& value) {
  std::uint32_t bits[sizeof(T) / 4];
  if constexpr (sizeof(T) == 4) {
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(bits[0]) : "r"(address));
  } else {
    static_assert(sizeof(T) == 16);
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(bits[0]), "=r"(bits[1]), "=r"(bits[2]), "=r"(bits[3])
                 : "r"(address));
  }
  std::memcpy(&value, bits, sizeof value);
}

template <class T>
__device__ __forceinline__ void store_shared(std::uint32_t address, const T& value) {
  std::uint32_t bits[sizeof(T) / 4];
  std::memcpy(bits, &value, sizeof value);
  if constexpr (sizeof(T) == 4) {
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(address), "r"(bits[0]) : "memory");
  } else if constexpr (sizeof(T) == 8) {
    asm volatile("st.shared.v2.b32 [%0], {%1, %2};" ::"r"(address), "r"(bits[0]), "r"(bits[1]) : "memory");
  } else {
    static_assert(sizeof(T) == 16);
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(bits[0]), "r"(bits[1]),
                 "r"(bits[2]), "r"(bits[3])
                 : "memory");
  }
}

// ---- barriers ------------------------------------------------------------------------------------------

__device__ __forceinline__ void barrier_init(std::uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// Makes initialised barriers visible to the TMA before it signals them.
__device__ __forceinline__ void fence_barrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives, and has the barrier wait for `bytes` that the TMA will bring.
__device__ __forceinline__ void barrier_arrive_expect(std::uint32_t barrier, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void barrier_wait(std::uint32_t barrier, std::uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

// ---- tensor memory accelerator -------------------------------------------------------------------------

__device__ __forceinline__ void prefetch_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// Pixels of an NHWC tensor in im2col order: `pixels` that the map names, from base pixel (n, h, w) on, each
// moved by the filter tap (kh, kw); 64 (or what the map says) channels from c on.
__device__ __forceinline__ void load_im2col(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                            int c, int w, int h, int n, int kw, int kh) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, %5, %6}], "
      "[%2], {%7, %8};" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c), "r"(w), "r"(h), "r"(n), "h"(static_cast<std::uint16_t>(kw)),
      "h"(static_cast<std::uint16_t>(kh))
      : "memory");
}

__device__ __forceinline__ void load_tile(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                          int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(x), "r"(y), "r"(z)
      : "memory");
}

// Rows of an NHWC tensor, from pixel (h, w) of image n on; zeros for what lies outside.
__device__ __forceinline__ void load_patch(std::uint32_t to, const CUtensorMap& map, std::uint32_t barrier,
                                           int c, int w, int h, int n) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
      "%6}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c), "r"(w), "r"(h), "r"(n)
      : "memory");
}

// The tile into the L2 cache only.
__device__ __forceinline__ void prefetch_tile(const CUtensorMap& map, int x, int y, int z) {
  asm volatile("cp.async.bulk.prefetch.tensor.3d.L2.global [%0, {%1, %2, %3}];" ::"l"(&map), "r"(x), "r"(y),
               "r"(z)
               : "memory");
}

// `bytes` in one piece; addresses and size are multiples of 16.
__device__ __forceinline__ void load_bytes(std::uint32_t to, const void* from, std::uint32_t bytes,
                                           std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
      "l"(from), "r"(bytes), "r"(barrier)
      : "memory");
}

__device__ __forceinline__ void store_tile(const CUtensorMap& map, std::uint32_t from, int x, int y, int z) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(&map),
               "r"(from), "r"(x), "r"(y), "r"(z)
               : "memory");
}

__device__ __forceinline__ void commit_stores() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Until what this thread stores is read; it may still be on its way.
__device__ __forceinline__ void wait_stores_read() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// Orders this thread's ordinary writes to shared memory before what the TMA or the tensor cores read of it.
__device__ __forceinline__ void fence_async_proxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// ---- clusters ------------------------------------------------------------------------------------------

__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The address of the same place in another block's shared memory.
__device__ __forceinline__ std::uint32_t in_block(std::uint32_t address, std::uint32_t rank) {
  std::uint32_t mapped;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
  return mapped;
}

// Sixteen bytes of another block's.
template <class T>
__device__ __forceinline__ void load_cluster(std::uint32_t address, T& value) {
  static_assert(sizeof(T) == 16);
  std::uint32_t bits[4];
  asm volatile("ld.shared::cluster.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(bits[0]), "=r"(bits[1]), "=r"(bits[2]), "=r"(bits[3])
               : "r"(address));
  std::memcpy(&value, bits, sizeof value);
}

// ---- warpgroups ----------------------------------------------------------------------------------------

// A warpgroup's registers a thread, from here on. What some give back before others can take.
template <int kRegisters>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void leave_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// Matrices of 8 × 8 16-bit values that a warp holds as wgmma's result is held, two neighbouring columns a
// word, into shared memory: 16 bytes a column, where the lane of the column's number says (lane 8 on: the
// second).
__device__ __forceinline__ void store_columns(std::uint32_t address, std::uint32_t a) {
  asm volatile("stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%0], {%1};" ::"r"(address), "r"(a)
               : "memory");
}
__device__ __forceinline__ void store_columns(std::uint32_t address, std::uint32_t a, std::uint32_t b) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(address), "r"(a), "r"(b)
               : "memory");
}

// ---- wgmma ---------------------------------------------------------------------------------------------

__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Of an operand whose rows (of one k run) are kRowBytes = 64 or 128 bytes long, swizzled by as much, eight
// rows after eight rows. `address` is 16-byte aligned within the first row.
template <int kRowBytes>
__device__ __forceinline__ std::uint64_t operand(std::uint32_t address) {
  constexpr std::uint64_t kSwizzle = kRowBytes == 128 ? 1 : 2;
  constexpr std::uint64_t kEightRows = 8 * kRowBytes / 16;
  return (kSwizzle << 62) | (kEightRows << 32) | (std::uint64_t{1} << 16) | ((address & 0x3FFFF) >> 4);
}

#define RESNET_R8(c, a, i) \
  c(a[i]), c(a[i + 1]), c(a[i + 2]), c(a[i + 3]), c(a[i + 4]), c(a[i + 5]), c(a[i + 6]), c(a[i + 7])
#define RESNET_R32(c, a) RESNET_R8(c, a, 0), RESNET_R8(c, a, 8), RESNET_R8(c, a, 16), RESNET_R8(c, a, 24)
#define RESNET_R64(c, a) \
  RESNET_R32(c, a), RESNET_R8(c, a, 32), RESNET_R8(c, a, 40), RESNET_R8(c, a, 48), RESNET_R8(c, a, 56)
#define RESNET_D32                                                                                        \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, "                                                                                                 \
  "%23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define RESNET_D64                                                                                        \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, "                                                                                                 \
  "%23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, "  \
  "%43, %44, "                                                                                            \
  "%45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"
// D[64][N] = A[64][32 bytes of k] · B[N][32 bytes of k] (+ D where `add`); one warpgroup.
#define RESNET_WGMMA(name, shape, registers, list, a_slot, b_slot, p_slot, constraint, type, tail)        \
  __device__ __forceinline__ void name(type(&d)[registers], std::uint64_t a, std::uint64_t b, int add) {  \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " p_slot                                               \
                 ", 0;\n"                                                                                 \
                 "wgmma.mma_async.sync.aligned." shape " " list ", " a_slot ", " b_slot ", p" tail ";\n}" \
                 : RESNET_R##registers(constraint, d)                                                     \
                 : "l"(a), "l"(b), "r"(add));                                                             \
  }
#define RESNET_INOUT_F(x) "+f"(x)
#define RESNET_INOUT_R(x) "+r"(x)
RESNET_WGMMA(wgmma_f16, "m64n64k16.f32.f16.f16", 32, RESNET_D32, "%32", "%33", "%34", RESNET_INOUT_F, float,
             ", 1, 1, 0, 0")
RESNET_WGMMA(wgmma_f16, "m64n128k16.f32.f16.f16", 64, RESNET_D64, "%64", "%65", "%66", RESNET_INOUT_F, float,
             ", 1, 1, 0, 0")
RESNET_WGMMA(wgmma_bf16, "m64n64k16.f32.bf16.bf16", 32, RESNET_D32, "%32", "%33", "%34", RESNET_INOUT_F,
             float, ", 1, 1, 0, 0")
RESNET_WGMMA(wgmma_bf16, "m64n128k16.f32.bf16.bf16", 64, RESNET_D64, "%64", "%65", "%66", RESNET_INOUT_F,
             float, ", 1, 1, 0, 0")
RESNET_WGMMA(wgmma_u8s8, "m64n64k32.s32.u8.s8", 32, RESNET_D32, "%32", "%33", "%34", RESNET_INOUT_R, int, "")
RESNET_WGMMA(wgmma_u8s8, "m64n128k32.s32.u8.s8", 64, RESNET_D64, "%64", "%65", "%66", RESNET_INOUT_R, int, "")
#undef RESNET_WGMMA

#define RESNET_R56(c, a) RESNET_R32(c, a), RESNET_R8(c, a, 32), RESNET_R8(c, a, 40), RESNET_R8(c, a, 48)
#define RESNET_R80(c, a) RESNET_R64(c, a), RESNET_R8(c, a, 64), RESNET_R8(c, a, 72)
#define RESNET_D56                                                                                        \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "  \
  "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55}"
#define RESNET_D80                                                                                        \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, "  \
  "%42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, "  \
  "%62, %63, %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79}"
// The same with A in registers, as mma.sync has it: a warp's sixteen rows, four words a thread.
#define RESNET_WGMMA_RS(name, shape, registers, a, b_slot, p_slot, constraint, type, tail)                   \
  __device__ __forceinline__ void name(type(&d)[registers], const uint4& w, std::uint64_t b, int add) {      \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " p_slot                                                  \
                 ", 0;\n"                                                                                    \
                 "wgmma.mma_async.sync.aligned." shape " " RESNET_D##registers ", " a ", " b_slot ", p" tail \
                                                                               ";\n}"                        \
                 : RESNET_R##registers(constraint, d)                                                        \
                 : "r"(w.x), "r"(w.y), "r"(w.z), "r"(w.w), "l"(b), "r"(add));                                \
  }
// N = 112 and 160.
#define RESNET_WGMMA_RS_BOTH(name, rest, constraint, type, tail)                                          \
  RESNET_WGMMA_RS(name, "m64n112" rest, 56, "{%56, %57, %58, %59}", "%60", "%61", constraint, type, tail) \
  RESNET_WGMMA_RS(name, "m64n160" rest, 80, "{%80, %81, %82, %83}", "%84", "%85", constraint, type, tail)
RESNET_WGMMA_RS_BOTH(wgmma_f16, "k16.f32.f16.f16", RESNET_INOUT_F, float, ", 1, 1, 0")
RESNET_WGMMA_RS_BOTH(wgmma_bf16, "k16.f32.bf16.bf16", RESNET_INOUT_F, float, ", 1, 1, 0")
RESNET_WGMMA_RS_BOTH(wgmma_s8u8, "k32.s32.s8.u8", RESNET_INOUT_R, int, "")
#undef RESNET_WGMMA_RS_BOTH
#undef RESNET_WGMMA_RS

}  // namespace resnet::cuda::sm90
