// What the processor this runs on can do, as far as the kernels care.
#pragma once

namespace resnet {

struct CpuFeatures {
  bool avx2_fma = false;     // AVX2 and FMA, and the operating system saves their registers
  bool avx512 = false;       // AVX-512 F, BW, DQ, VL, likewise
  bool avx_vnni = false;     // AVX2, and VPDPBUSD on 256 bits without AVX-512
  bool avx512_vnni = false;  // avx512, and VPDPBUSD
  bool amx_int8 = false;     // avx512_vnni and AMX's tiles, which the system lets this process use
  bool amx_bf16 = false;     // avx512 with its bf16 conversions and AMX's tiles, likewise
  bool neon = false;
  bool neon_dotprod = false;  // NEON, and SDOT
  bool neon_i8mm = false;     // NEON, and SUDOT
};

const CpuFeatures& cpu_features() noexcept;

}  // namespace resnet
