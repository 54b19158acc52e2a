#include "core/cpu_features.hpp"

namespace resnet {

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = [] {
    CpuFeatures f;
#if defined(__x86_64__)
    // __builtin_cpu_supports also checks XGETBV, that is, that the system saves the wide registers.
    __builtin_cpu_init();
    f.avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    f.avx512 = f.avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    f.neon = true;  // part of the base instruction set
#endif
    return f;
  }();
  return features;
}

}  // namespace resnet
