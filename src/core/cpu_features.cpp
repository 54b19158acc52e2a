#include "core/cpu_features.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace resnet {
namespace {

#if defined(__x86_64__)
// A bit of CPUID's leaf 7. (Not every compiler's __builtin_cpu_supports knows the newest names.)
struct Leaf7 {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  explicit Leaf7(unsigned subleaf) { __get_cpuid_count(7, subleaf, &eax, &ebx, &ecx, &edx); }
};

// Linux keeps the 8 KiB of tile registers from processes that have not asked for them. A system that knows
// no such call, or a sandbox that forbids it, refuses.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

CpuFeatures detect() {
  CpuFeatures f;
#if defined(__x86_64__)
  // __builtin_cpu_supports also checks XGETBV, that is, that the system saves the wide registers.
  __builtin_cpu_init();
  const Leaf7 leaf(0), second(1);
  f.avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  f.avx512 = f.avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  f.avx_vnni = f.avx2_fma && (second.eax >> 4 & 1) != 0;
  f.avx512_vnni = f.avx512 && (leaf.ecx >> 11 & 1) != 0;
  const bool amx_tile = (leaf.edx >> 24 & 1) != 0, amx_int8 = (leaf.edx >> 25 & 1) != 0,
             amx_bf16 = (leaf.edx >> 22 & 1) != 0, avx512_bf16 = (second.eax >> 5 & 1) != 0;
  const bool tiles = f.avx512 && amx_tile && may_use_tiles();
  f.amx_int8 = tiles && amx_int8 && f.avx512_vnni;
  f.amx_bf16 = tiles && amx_bf16 && avx512_bf16;
#elif defined(__aarch64__)
  f.neon = true;  // part of the base instruction set
#if defined(__linux__)
  f.neon_dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  f.neon_i8mm = (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
#endif
#endif
  return f;
}

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace resnet
