// What the processor this runs on can do, as far as the kernels care.
#pragma once

namespace resnet {

struct CpuFeatures {
  bool avx2_fma = false;  // AVX2 and FMA, and the operating system saves their registers
  bool avx512 = false;    // AVX-512 F, BW, DQ, VL, likewise
  bool neon = false;
};

const CpuFeatures& cpu_features() noexcept;

}  // namespace resnet
