// The int8 kernel table of one instruction set.
#pragma once

#include "cpu/int8/generic/conv.hpp"
#include "cpu/int8/generic/elementwise.hpp"
#include "cpu/int8/generic/stem.hpp"

namespace resnet::cpu::int8::generic {

// Enough independent chains to hide the latency of a multiply-add.
template <class S>
double multiply_add_operations(std::int64_t iterations) {
  constexpr int kChains = S::kTilePixels * S::kTileVectors;
  alignas(64) typename S::Weight weights[kLoad<S> * S::kLanes] = {};
  alignas(64) typename S::Element values[kLoad<S>] = {};
  alignas(64) std::int32_t start[S::kLanes] = {};
  typename S::Vec acc[kChains];
  unroll<S, kChains>([&](auto i) __attribute__((always_inline)) { acc[i] = S::load(start); });
  typename S::WeightVec weight = S::load_weight(weights);
  typename S::Input value = S::load_input(values);
  for (std::int64_t k = 0; k < iterations; ++k) {
    unroll<S, kChains>([&](auto i)
                           __attribute__((always_inline)) { acc[i] = S::template dot<0>(acc[i], value, weight); });
    S::keep(acc[0]);
  }
  alignas(64) float sum[S::kLanes];
  auto total = S::to_float(acc[0]);
  unroll<S, kChains>([&](auto i) __attribute__((always_inline)) { total = S::add(total, S::to_float(acc[i])); });
  S::store_float(sum, total);
  // The sum is used, so that no compiler drops the loop; it is 0, so that this adds nothing.
  return 2.0 * kChains * S::kLanes * S::kGroup * static_cast<double>(iterations) + static_cast<double>(sum[0]);
}

template <class S>
constexpr KernelTable make_table(std::string_view isa, std::string_view conv_kernel) {
  return {.isa = isa,
          .conv_kernel = conv_kernel,
          .element_bytes = sizeof(typename S::Element),
          .channel = S::channel,
          .input_offset = S::kInputOffset,
          .packed_conv_bytes = packed_conv_bytes<S>,
          .pack_conv = pack_conv<S>,
          .packed_stem_bytes = packed_stem_bytes<S, kStemDepth<S>>,
          .pack_stem = pack_stem<S, kStemDepth<S>>,
          .packed_fully_connected_bytes = packed_fully_connected_bytes<S>,
          .pack_fully_connected = pack_fully_connected<S>,
          .conv = conv<S>,
          .stem_image_bytes = stem_image_bytes<S>,
          .stem_input = stem_input<S>,
          .stem_scratch_bytes = stem_scratch_bytes<S, kStemDepth<S>>,
          .stem = stem<S>,
          .max_pool = max_pool<S>,
          .subsample = subsample<S>,
          .global_average_pool = global_average_pool<S>,
          .fully_connected = fully_connected<S>,
          .to_blocked = to_blocked<S>,
          .from_blocked = from_blocked<S>,
          .zero_halo = zero_halo<S>,
          .multiply_add_operations = multiply_add_operations<S>};
}

}  // namespace resnet::cpu::int8::generic
