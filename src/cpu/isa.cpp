#include "cpu/isa.hpp"

#include "core/cpu_features.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::cpu {
namespace {

template <class Table>
struct Isa {
  std::string_view name;
  bool (*runs)();           // on this processor
  const Table* (*table)();  // null where this build has none
};

// Best first; the same lists answer what there is and pick what runs.
constexpr std::array kFp32Isas {
#if defined(__x86_64__)
  Isa<KernelTable>{"avx512", [] { return cpu_features().avx512; }, avx512_kernels},
      Isa<KernelTable>{"avx2", [] { return cpu_features().avx2_fma; }, avx2_kernels},
#elif defined(__aarch64__)
  Isa<KernelTable>{"neon", [] { return cpu_features().neon; }, neon_kernels},
#endif
      Isa<KernelTable>{"portable", [] { return true; }, portable_kernels},
};

constexpr std::array kBf16Isas {
#if defined(__x86_64__)
  Isa<KernelTable>{"amx", [] { return cpu_features().amx_bf16; }, amx_bf16_kernels},
#endif
      Isa<KernelTable>{"portable", [] { return true; }, portable_bf16_kernels},
};

constexpr std::array kInt8Isas {
#if defined(__x86_64__)
  Isa<int8::KernelTable>{"amx", [] { return cpu_features().amx_int8; }, int8::amx_kernels},
      Isa<int8::KernelTable>{"avx512_vnni", [] { return cpu_features().avx512_vnni; },
                             int8::avx512_vnni_kernels},
      Isa<int8::KernelTable>{"avx_vnni", [] { return cpu_features().avx_vnni; }, int8::avx_vnni_kernels},
      Isa<int8::KernelTable>{"avx2", [] { return cpu_features().avx2_fma; }, int8::avx2_kernels},
#elif defined(__aarch64__)
  Isa<int8::KernelTable>{"neon_i8mm", [] { return cpu_features().neon_i8mm; }, int8::neon_i8mm_kernels},
      Isa<int8::KernelTable>{"neon_dotprod", [] { return cpu_features().neon_dotprod; },
                             int8::neon_dotprod_kernels},
      Isa<int8::KernelTable>{"neon", [] { return cpu_features().neon; }, int8::neon_kernels},
#endif
      Isa<int8::KernelTable>{"portable", [] { return true; }, int8::portable_kernels},
};

template <class List>
std::vector<std::string_view> names_of(const List& list) {
  std::vector<std::string_view> names;
  for (const auto& isa : list) {
    if (isa.runs()) names.push_back(isa.name);
  }
  return names;
}

template <class List>
const auto& table_of(const List& list, std::string_view isa) {
  for (const auto& candidate : list) {
    if (candidate.name == isa && candidate.runs()) return *candidate.table();
  }
  throw Error(ErrorCode::device_unavailable,
              fmt::format("instruction set '{}' is not available; this build and processor have {}", isa,
                          fmt::join(names_of(list), ", ")));
}

}  // namespace

std::vector<std::string_view> available_isas(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return names_of(kFp32Isas);
    case Precision::bf16:
      return names_of(kBf16Isas);
    case Precision::int8:
      return names_of(kInt8Isas);
    default:
      return {};
  }
}

const KernelTable& kernels_for(std::string_view isa, Precision precision) {
  return precision == Precision::bf16 ? table_of(kBf16Isas, isa) : table_of(kFp32Isas, isa);
}

const int8::KernelTable& int8_kernels_for(std::string_view isa) {
  return table_of(kInt8Isas, isa);
}

std::string_view fp32_isa_of(std::string_view int8_isa) {
  if (int8_isa == "amx" || int8_isa.starts_with("avx512")) return "avx512";
  if (int8_isa.starts_with("avx")) return "avx2";
  return int8_isa.starts_with("neon") ? "neon" : "portable";
}

std::size_t l2_cache_bytes() {
  constexpr std::size_t kDefault = std::size_t{1} << 20;
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) return static_cast<std::size_t>(bytes);
#endif
  return kDefault;
}

}  // namespace resnet::cpu
