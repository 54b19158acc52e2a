// AMX: TDPBUSD multiplies 16 pixels x 64 values of k with 64 values of k x 16 output channels
// (amx/implicit_gemm.hpp). Everything but the products, and the layout of the weights, is AVX-512 VNNI's.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/amx/implicit_gemm.hpp"
#include "cpu/int8/avx512_vnni.hpp"
#include "cpu/int8/generic/table.hpp"

namespace resnet::cpu::int8 {
namespace {

struct ThisFile;
using S = Avx512Vnni<ThisFile>;
// How weights are packed: a channel tile is one vector.
struct OneTile : S {
  static constexpr int kTileVectors = 1;
};

constexpr int kStemPieces = 3, kStemDepth = kStemPieces * kBlock;
static_assert(kStemDepth >= generic::kStemK && amx::kPairChannels == generic::kTileChannels<S>);

struct Arithmetic {
  static constexpr int kElementBytes = 1;
  template <int Acc, int Pixels, int Weights>
  static RESNET_INLINE void product() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Acc), "i"(Pixels), "i"(Weights));
  }

  struct Channels {
    const std::int32_t* bias = nullptr;
    const float* multiplier = nullptr;
    float residual_multiplier = 0;
    bool residual_signed = false, out_signed = false;
  };
  static RESNET_INLINE Channels channels(const ConvArgs& a, int oc) {
    return {.bias = a.requantize.bias + oc,
            .multiplier = a.requantize.multiplier + oc,
            .residual_multiplier = a.requantize.residual_multiplier,
            .residual_signed = a.requantize.residual.is_signed,
            .out_signed = a.out.is_signed};
  }
  static RESNET_INLINE Channels channels(const StemArgs& a, int oc) {
    return {.bias = a.requantize.bias + oc, .multiplier = a.requantize.multiplier + oc};
  }
  static RESNET_INLINE const Activation& residual(const ConvArgs& a) { return a.requantize.residual; }

  static RESNET_INLINE void rows(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                 const std::int32_t* residual_at, std::byte* out, const std::byte* residual,
                                 int begin, int end) {
    auto* to = reinterpret_cast<S::Element*>(out);
    const auto* from = reinterpret_cast<const S::Element*>(residual);
    if (from == nullptr) {
      if (c.out_signed) {
        requantize<Shortcut::none, true>(c, acc, out_at, residual_at, to, from, begin, end);
      } else {
        requantize<Shortcut::none, false>(c, acc, out_at, residual_at, to, from, begin, end);
      }
    } else if (c.residual_signed) {
      requantize<Shortcut::of_signed, false>(c, acc, out_at, residual_at, to, from, begin, end);
    } else {
      requantize<Shortcut::of_unsigned, false>(c, acc, out_at, residual_at, to, from, begin, end);
    }
  }

 private:
  enum class Shortcut { none, of_unsigned, of_signed };

  // generic::ToSteps of one pixel after the other, with what does not change in registers.
  template <Shortcut Kind, bool Signed>
  static RESNET_INLINE void requantize(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                       const std::int32_t* residual_at, S::Element* to,
                                       const S::Element* shortcut, int begin, int end) {
    const S::Float m0 = S::load_float(c.multiplier), m1 = S::load_float(c.multiplier + S::kLanes);
    const S::Float scale = S::set_float(c.residual_multiplier);
    const std::int32_t* sums = acc + begin * amx::kPairChannels;
    for (std::ptrdiff_t at = begin, last = end; at < last; ++at, sums += amx::kPairChannels) {
      const std::ptrdiff_t pixel = out_at[at];
      if (pixel < 0) continue;
      S::Float x0 = S::mul(S::to_float(S::load(sums)), m0);
      S::Float x1 = S::mul(S::to_float(S::load(sums + S::kLanes)), m1);
      if constexpr (Kind != Shortcut::none) {
        S::Vec r[2];
        S::load_residual(shortcut + residual_at[at] * amx::kPixelBytes, Kind == Shortcut::of_signed, r);
        x0 = S::add(x0, S::mul(S::to_float(r[0]), scale));
        x1 = S::add(x1, S::mul(S::to_float(r[1]), scale));
      }
      const S::Vec q[2] = {S::round(x0), S::round(x1)};
      S::store(to + pixel * amx::kPixelBytes, q, Signed);
    }
  }
};

void stem_products(const StemArgs& a, const S::Element* windows, int w, S::Element* out,
                   std::ptrdiff_t block_stride) {
  constexpr std::ptrdiff_t kOffsets[kStemPieces] = {0, kBlock, 2 * kBlock};
  amx::row_conv<Arithmetic>(a, reinterpret_cast<const std::byte*>(windows), kStemDepth, kOffsets, kStemPieces,
                            w, reinterpret_cast<std::byte*>(out), block_stride);
}

constexpr KernelTable make_table() {
  KernelTable table = generic::make_table<S>("amx", "tdpbusd");
  table.pack_conv = generic::pack_conv<OneTile>;
  table.packed_stem_bytes = generic::packed_stem_bytes<OneTile, kStemDepth>;
  table.pack_stem = generic::pack_stem<OneTile, kStemDepth>;
  table.conv = amx::conv<Arithmetic, ConvArgs>;
  table.stem_scratch_bytes = generic::stem_scratch_bytes<S, kStemDepth>;
  table.stem = generic::stem_with<S, kStemDepth, stem_products>;
  table.multiply_add_operations = amx::multiply_add_operations<Arithmetic>;
  return table;
}

constexpr KernelTable kTable = make_table();

}  // namespace

const KernelTable* amx_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu::int8
