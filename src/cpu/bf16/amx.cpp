// bf16 by AMX: TDPBF16PS multiplies 16 pixels x 32 values of k with 32 values of k x 16 output channels
// (amx/implicit_gemm.hpp); blocks of 32 channels make a pixel one row of a tile. Everything else is AVX-512,
// in fp32. Compiled with -mavx512{f,bw,dq,vl,bf16} -mamx-{tile,bf16}; run only where cpu_features().amx_bf16.

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes of ours.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "cpu/amx/implicit_gemm.hpp"
#include "cpu/bf16/element.hpp"
#include "cpu/generic/table.hpp"

#include <limits>

#include <immintrin.h>

namespace resnet::cpu {
namespace {

// 32 lanes of fp32 in two registers, 32 elements of bf16 in one.
struct Amx {
  struct Vec {
    __m512 low, high;
  };
  using Element = Bf16;
  static constexpr int kLanes = 32;

  static RESNET_INLINE Element to_element(float x) { return float_to_bf16<Amx>(x); }
  static RESNET_INLINE float to_float(Element x) { return bf16_to_float<Amx>(x); }
  static RESNET_INLINE Vec zero() { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }
  static RESNET_INLINE Vec set(float x) { return {_mm512_set1_ps(x), _mm512_set1_ps(x)}; }
  static RESNET_INLINE Vec load(const float* p) { return {_mm512_load_ps(p), _mm512_load_ps(p + 16)}; }
  static RESNET_INLINE Vec load(const Element* p) { return widen(_mm512_loadu_si512(p)); }
  static RESNET_INLINE Vec widen(__m512i elements) {
    return {widen(_mm512_castsi512_si256(elements)), widen(_mm512_extracti64x4_epi64(elements, 1))};
  }
  static RESNET_INLINE __m512i round(const Vec& v) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(v.high, v.low));
  }
  static RESNET_INLINE void store(Element* p, const Vec& v) { _mm512_storeu_si512(p, round(v)); }
  static RESNET_INLINE Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    return {_mm512_fmadd_ps(a.low, b.low, c.low), _mm512_fmadd_ps(a.high, b.high, c.high)};
  }
  static RESNET_INLINE Vec add(const Vec& a, const Vec& b) {
    return {_mm512_add_ps(a.low, b.low), _mm512_add_ps(a.high, b.high)};
  }
  static RESNET_INLINE Vec div(const Vec& a, const Vec& b) {
    return {_mm512_div_ps(a.low, b.low), _mm512_div_ps(a.high, b.high)};
  }
  static RESNET_INLINE Vec max(const Vec& a, const Vec& b) {
    return {_mm512_max_ps(a.low, b.low), _mm512_max_ps(a.high, b.high)};
  }

  // Elements as integers in the order of the numbers that they are: negative ones have their other bits
  // turned.
  using Elements = __m512i;
  static RESNET_INLINE Elements load_ordered(const Element* p) { return turn(_mm512_loadu_si512(p)); }
  static RESNET_INLINE void store_ordered(Element* p, Elements v) { _mm512_storeu_si512(p, turn(v)); }
  static RESNET_INLINE Elements max_ordered(Elements a, Elements b) { return _mm512_max_epi16(a, b); }

  // A row of `w` pixels from three planes, each rounded.
  static RESNET_INLINE void interleave(const float* planes, std::ptrdiff_t plane, int w, Element* to) {
    for (int x = 0; x < w; x += kLanes, to += 3 * kLanes) {
      const int count = w - x < kLanes ? w - x : kLanes;
      __m512i words[3];
      for (int c = 0; c < 3; ++c) {
        const float* from = planes + c * plane + x;
        const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
        words[c] = round({_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from),
                          _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), from + 16)});
      }
      generic::unroll<Amx, 3>([&](auto part) __attribute__((always_inline)) {
        // Word i of the output is pixel i / 3 of plane i % 3.
        alignas(64) std::uint16_t of_first_two[kLanes], of_third[kLanes];
        std::uint32_t third = 0;
        for (int i = 0; i < kLanes; ++i) {
          const int at = part * kLanes + i;
          of_first_two[i] = static_cast<std::uint16_t>(at / 3 + at % 3 * kLanes);
          of_third[i] = static_cast<std::uint16_t>(at / 3);
          third |= static_cast<std::uint32_t>(at % 3 == 2) << i;
        }
        const __m512i two = _mm512_permutex2var_epi16(words[0], _mm512_load_si512(of_first_two), words[1]);
        const __m512i all = _mm512_mask_permutexvar_epi16(two, third, _mm512_load_si512(of_third), words[2]);
        const int left = 3 * count - part * kLanes;
        const std::uint64_t there = left <= 0        ? 0
                                    : left >= kLanes ? ~std::uint64_t{0}
                                                     : (std::uint64_t{1} << left) - 1;
        _mm512_mask_storeu_epi16(to + part * kLanes, static_cast<__mmask32>(there), all);
      });
    }
  }

 private:
  static RESNET_INLINE __m512i turn(__m512i x) {
    return _mm512_xor_si512(x, _mm512_srli_epi16(_mm512_srai_epi16(x, 15), 1));
  }
  static RESNET_INLINE __m512 widen(__m256i elements) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(elements), 16));
  }
};

constexpr int kBlock = Amx::kLanes, kGroup = 2;  // values of k that an instruction's lane sums at once
static_assert(kBlock * sizeof(Bf16) == amx::kPixelBytes && kBlock == amx::kPairChannels);

struct Products {
  static constexpr int kElementBytes = sizeof(Bf16);
  template <int Acc, int Pixels, int Weights>
  static RESNET_INLINE void product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Acc), "i"(Pixels), "i"(Weights));
  }
};

// Sums become elements of an activation.
struct ToActivation : Products {
  struct Channels {
    const float* bias = nullptr;
    bool relu = false;
    const float* scale = nullptr;  // bn1 and ReLU of the fused stem, on what conv1 puts out
    const float* shift = nullptr;
  };
  static RESNET_INLINE Channels channels(const ConvArgs& a, int oc) {
    return {.bias = a.epilogue.bias + oc, .relu = a.epilogue.relu};
  }
  static RESNET_INLINE Channels channels(const StemArgs& a, int oc) {
    alignas(64) static constexpr float kNoBias[amx::kPairChannels] = {};
    if (a.scale == nullptr) return {.bias = kNoBias};
    return {.bias = kNoBias, .scale = a.scale + oc, .shift = a.shift + oc};
  }
  static RESNET_INLINE const Activation& residual(const ConvArgs& a) { return a.epilogue.residual; }

  static RESNET_INLINE void rows(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                 const std::int32_t* residual_at, std::byte* out, const std::byte* residual,
                                 int begin, int end) {
    if (c.scale != nullptr) {
      normalise(c, acc, out_at, out, begin, end);
    } else if (residual != nullptr) {
      finish<true>(c, acc, out_at, residual_at, out, residual, begin, end);
    } else {
      finish<false>(c, acc, out_at, residual_at, out, residual, begin, end);
    }
  }

 private:
  static RESNET_INLINE void normalise(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                      std::byte* out, int begin, int end) {
    const Amx::Vec scale = Amx::load(c.scale), shift = Amx::load(c.shift);
    for (std::ptrdiff_t at = begin, last = end; at < last; ++at) {
      const std::ptrdiff_t pixel = out_at[at];
      if (pixel < 0) continue;
      const Amx::Vec sum = Amx::load(reinterpret_cast<const float*>(acc) + at * amx::kPairChannels);
      const Amx::Vec conv = Amx::widen(Amx::round(sum));
      Amx::store(reinterpret_cast<Bf16*>(out + pixel * amx::kPixelBytes),
                 Amx::max(Amx::fma(conv, scale, shift), Amx::zero()));
    }
  }

  template <bool Add>
  static RESNET_INLINE void finish(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                   const std::int32_t* residual_at, std::byte* out, const std::byte* residual,
                                   int begin, int end) {
    const Amx::Vec least = c.relu ? Amx::zero() : Amx::set(-std::numeric_limits<float>::infinity());
    for (std::ptrdiff_t at = begin, last = end; at < last; ++at) {
      const std::ptrdiff_t pixel = out_at[at];
      if (pixel < 0) continue;
      Amx::Vec sum = Amx::load(reinterpret_cast<const float*>(acc) + at * amx::kPairChannels);
      if constexpr (Add) {
        sum = Amx::add(
            sum, Amx::load(reinterpret_cast<const Bf16*>(residual + residual_at[at] * amx::kPixelBytes)));
      }
      Amx::store(reinterpret_cast<Bf16*>(out + pixel * amx::kPixelBytes), Amx::max(sum, least));
    }
  }
};

// Sums become logits: a pixel is an image.
struct ToLogits : Products {
  struct Channels {
    const float* bias = nullptr;
    int outputs = 0;          // of an image
    std::uint32_t there = 0;  // which of these channels are no padding
  };
  static RESNET_INLINE void rows(const Channels& c, const std::int32_t* acc, const std::int32_t* out_at,
                                 const std::int32_t*, std::byte* out, const std::byte*, int begin, int end) {
    for (std::ptrdiff_t at = begin, last = end; at < last; ++at) {
      if (out_at[at] < 0) continue;
      const Amx::Vec sum = Amx::load(reinterpret_cast<const float*>(acc) + at * amx::kPairChannels);
      float* to = reinterpret_cast<float*>(out) + static_cast<std::ptrdiff_t>(out_at[at]) * c.outputs;
      _mm512_mask_storeu_ps(to, static_cast<__mmask16>(c.there), sum.low);
      _mm512_mask_storeu_ps(to + 16, static_cast<__mmask16>(c.there >> 16), sum.high);
    }
  }
};

int channel_pairs(int oc) {
  return (oc + amx::kPairChannels - 1) / amx::kPairChannels;
}
// Pairs are whole.
int channel_tiles(int oc) {
  return 2 * channel_pairs(oc);
}

// Packed weights: [channel tile][step of k][16 groups][16 channels][2]; value(oc, step, k) is 0 beyond what
// there is.
template <class Value>
void pack_tile(int tile, int steps, Bf16* w, const Value& value) {
  for (int step = 0; step < steps; ++step) {
    for (int k = 0; k < kBlock; k += kGroup) {
      for (int oc = tile * amx::kTileRows; oc < (tile + 1) * amx::kTileRows; ++oc) {
        for (int i = 0; i < kGroup; ++i) *w++ = Amx::to_element(value(oc, step, k + i));
      }
    }
  }
}

constexpr std::size_t kPieceElements = amx::kPieceBytes / sizeof(Bf16);

std::size_t packed_conv_bytes(int ic, int oc, int kernel) {
  return static_cast<std::size_t>(amx::kPieceBytes) * channel_tiles(oc) * (ic / kBlock) * kernel * kernel;
}

void pack_conv(const float* oihw, const double* oc_scale, int ic, int oc, int kernel, void* packed, int rank,
               int size) {
  const int taps = kernel * kernel, steps = ic / kBlock * taps;
  const generic::Share<Amx> share(channel_tiles(oc), rank, size);
  for (int tile = share.begin; tile < share.end; ++tile) {
    Bf16* w = static_cast<Bf16*>(packed) + tile * steps * kPieceElements;
    pack_tile(tile, steps, w, [&](int channel, int step, int k) {
      if (channel >= oc) return 0.0f;
      const int i = step / taps * kBlock + k, tap = step % taps;
      const float value = oihw[(static_cast<std::size_t>(channel) * ic + i) * taps + tap];
      return oc_scale ? static_cast<float>(static_cast<double>(value) * oc_scale[channel]) : value;
    });
  }
}

namespace stem = generic::direct_stem;

// A step of k is a row of the window: 21 values, and what follows them in memory times 0.
static_assert(stem::kWindowRow <= kBlock && stem::kTail >= kBlock);

std::size_t packed_stem_bytes(int oc) {
  return static_cast<std::size_t>(amx::kPieceBytes) * channel_tiles(oc) * stem::kKernel;
}

void pack_stem(const float* oihw, int oc, void* packed) {
  for (int tile = 0; tile < channel_tiles(oc); ++tile) {
    Bf16* w = static_cast<Bf16*>(packed) + tile * stem::kKernel * kPieceElements;
    pack_tile(tile, stem::kKernel, w, [&](int channel, int ky, int k) {
      const int kx = k / stem::kInputs, plane = k % stem::kInputs;
      const bool there = channel < oc && k < stem::kWindowRow;
      return there ? oihw[((channel * stem::kInputs + plane) * stem::kKernel + ky) * stem::kKernel + kx]
                   : 0.0f;
    });
  }
}

void stem_products(const StemArgs& a, const Bf16* window, int w, Bf16* out, std::ptrdiff_t plane) {
  std::ptrdiff_t offsets[stem::kKernel];
  for (int ky = 0; ky < stem::kKernel; ++ky) offsets[ky] = ky * stem::row_elements<Amx>(a.w) * 2;
  amx::row_conv<ToActivation>(a, reinterpret_cast<const std::byte*>(window), stem::kPixelStride * 2, offsets,
                              stem::kKernel, w, reinterpret_cast<std::byte*>(out), plane * 2);
}

void fully_connected(const FullyConnectedArgs& a, int rank, int size) {
  const amx::Strides<ToLogits> in(a.in);
  const int images = a.in.w, pieces = a.in.c / kBlock;
  std::ptrdiff_t offsets[amx::kMaxPieces];
  for (int piece = 0; piece < pieces; ++piece) offsets[piece] = piece * in.plane;
  const generic::Share<Amx> share(channel_pairs(a.outputs), rank, size);
  const generic::Tiling<Amx> tiling(images, amx::kTileRows);
  const std::ptrdiff_t pair_weights = 2 * pieces * amx::kPieceBytes;
  using Tiles = amx::PixelTiles<ToLogits>;
  Tiles tiles;
  amx::Multiplier<ToLogits> multiplier(tiling.size(0), amx::kPixelBytes, offsets, pieces);
  for (int first = 0; first < tiling.tiles; first += Tiles::kMost) {
    const int count = tiling.tiles - first < Tiles::kMost ? tiling.tiles - first : Tiles::kMost;
    multiplier.finish();
    for (int t = 0; t < count; ++t) {
      const int start = tiling.start(first + t);
      tiles.in[t] = static_cast<const std::byte*>(a.in.data) + start * amx::kPixelBytes;
      for (int i = 0; i < amx::kTileRows; ++i)
        tiles.out[t * amx::kTileRows + i] = i < tiling.size(first + t) ? start + i : -1;
    }
    const int pairs = (count + 1) / 2,
              lines = (2 * static_cast<int>(amx::kPieceBytes) / 64 + pairs - 1) / pairs;
    for (int pair = share.begin; pair < share.end; ++pair) {
      const int oc = pair * amx::kPairChannels, left = a.outputs - oc;
      const ToLogits::Channels channels{
          .bias = a.bias + oc,
          .outputs = a.outputs,
          .there = left < amx::kPairChannels ? (std::uint32_t{1} << left) - 1 : ~std::uint32_t{0}};
      const std::byte* weights = static_cast<const std::byte*>(a.weights) + pair * pair_weights;
      for (int t = 0; t < count; t += 2) {
        const std::byte* next = weights + pair_weights + static_cast<std::ptrdiff_t>(t / 2) * lines * 64;
        multiplier.run(channels, tiles, t, count - t < 2 ? 1 : 2, weights, next, lines,
                       reinterpret_cast<std::byte*>(a.out + oc), nullptr);
      }
    }
  }
  multiplier.finish();
}

constexpr KernelTable make_table() {
  KernelTable table = generic::make_elementwise_table<Amx>("amx");
  table.conv_kernel = "tdpbf16ps";
  table.stem_kernel = "tdpbf16ps_7x7_s2";
  table.tile_channels = amx::kPairChannels;
  table.packed_conv_bytes = packed_conv_bytes;
  table.pack_conv = pack_conv;
  table.packed_stem_bytes = packed_stem_bytes;
  table.pack_stem = pack_stem;
  table.conv = amx::conv<ToActivation, ConvArgs>;
  table.stem_image_bytes = stem::image_bytes<Amx>;
  table.stem_input = stem::input<Amx>;
  table.stem_scratch_bytes = stem::scratch_bytes<Amx>;
  table.stem_conv = stem::conv<Amx, stem_products>;
  table.stem_fused = stem::fused<Amx, stem_products>;
  table.fully_connected = fully_connected;
  table.multiply_add_operations = amx::multiply_add_operations<Products>;
  return table;
}

constexpr KernelTable kTable = make_table();

}  // namespace

const KernelTable* amx_bf16_kernels() {
  return &kTable;
}

}  // namespace resnet::cpu
