// See avx512_vnni.hpp. Compiled with -mavx512{f,bw,dq,vl,vnni}; run only where cpu_features().avx512_vnni.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/int8/avx512_vnni.hpp"

#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct ThisFile;
constexpr KernelTable kTable = generic::make_table<Avx512Vnni<ThisFile>>("avx512_vnni", "vpdpbusd");

}  // namespace

const KernelTable* avx512_vnni_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
