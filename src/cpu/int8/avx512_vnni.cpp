// See avx512_vnni.hpp. Compiled with -mavx512{f,bw,dq,vl,vnni}; run only where cpu_features().avx512_vnni.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/int8/avx512_vnni.hpp"

#include "cpu/int8/generic/table.hpp"
#include "cpu/int8/winograd.hpp"

namespace resnet::cpu::int8 {
namespace {

struct ThisFile;
using S = Avx512Vnni<ThisFile>;
using Words = Avx512VnniWords<ThisFile>;

constexpr KernelTable make_table() {
  KernelTable table = generic::make_table<S>("avx512_vnni", "vpdpbusd");
  table.winograd = {.is_exact = winograd_is_exact<S>,
                    .packed_bytes = packed_winograd_bytes<Words>,
                    .pack = pack_winograd<Words>,
                    .scratch_bytes = winograd_scratch_bytes<Words>,
                    .conv = winograd<S, Words>,
                    .most_channels = 128};
  return table;
}

constexpr KernelTable kTable = make_table();

}  // namespace

const KernelTable* avx512_vnni_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
