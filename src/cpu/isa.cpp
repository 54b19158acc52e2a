#include "cpu/isa.hpp"

#include "core/cpu_features.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet::cpu {
namespace {

struct Isa {
  std::string_view name;
  bool (*runs)();                 // on this processor
  const KernelTable* (*table)();  // null where this build has none
};

const KernelTable* absent() {
  return nullptr;
}

#if defined(__x86_64__)
constexpr auto kAvx512 = avx512_kernels, kAvx2 = avx2_kernels, kNeon = absent;
#elif defined(__aarch64__)
constexpr auto kAvx512 = absent, kAvx2 = absent, kNeon = neon_kernels;
#else
constexpr auto kAvx512 = absent, kAvx2 = absent, kNeon = absent;
#endif

// Best first; the same list answers what there is and picks what runs.
constexpr std::array kIsas{
    Isa{"avx512", [] { return cpu_features().avx512; }, kAvx512},
    Isa{"avx2", [] { return cpu_features().avx2_fma; }, kAvx2},
    Isa{"neon", [] { return cpu_features().neon; }, kNeon},
    Isa{"portable", [] { return true; }, portable_kernels},
};

}  // namespace

std::vector<std::string_view> available_isas() {
  std::vector<std::string_view> names;
  for (const Isa& isa : kIsas) {
    if (isa.table() != nullptr && isa.runs()) names.push_back(isa.name);
  }
  return names;
}

const KernelTable& kernels_for(std::string_view isa) {
  for (const Isa& candidate : kIsas) {
    if (candidate.name == isa && candidate.table() != nullptr && candidate.runs()) return *candidate.table();
  }
  throw Error(ErrorCode::device_unavailable,
              fmt::format("instruction set '{}' is not available; this build and processor have {}", isa,
                          fmt::join(available_isas(), ", ")));
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
