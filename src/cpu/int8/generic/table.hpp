// The int8 kernel table of one instruction set.
#pragma once

#include "cpu/int8/generic/conv.hpp"
#include "cpu/int8/generic/elementwise.hpp"
#include "cpu/int8/generic/stem.hpp"

namespace resnet::cpu::int8::generic {

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
          .zero_halo = zero_halo<S>};
}

}  // namespace resnet::cpu::int8::generic
