// The kernel table of one instruction set.
#pragma once

#include "cpu/generic/conv.hpp"
#include "cpu/generic/elementwise.hpp"
#include "cpu/generic/stem.hpp"
#include "cpu/generic/winograd.hpp"

namespace resnet::cpu::generic {

template <class S>
constexpr KernelTable make_table(std::string_view isa) {
  return {.isa = isa,
          .lanes = S::kLanes,
          .tile_pixels = S::kTilePixels,
          .tile_channels = S::kTileVectors * S::kLanes,
          .packed_conv_floats = packed_conv_floats<S>,
          .pack_conv = pack_conv<S>,
          .packed_stem_floats = packed_stem_floats<S>,
          .pack_stem = pack_stem<S>,
          .packed_winograd_floats = packed_winograd_floats<S>,
          .pack_winograd = pack_winograd<S>,
          .conv = conv<S>,
          .winograd_input_floats = winograd_input_floats<S>,
          .winograd_product_floats = winograd_product_floats<S>,
          .winograd_input = winograd_input<S>,
          .winograd_gemm = winograd_gemm<S>,
          .winograd_output = winograd_output<S>,
          .stem_image_floats = stem_image_floats<S>,
          .stem_input = stem_input<S>,
          .stem_scratch_floats = stem_scratch_floats<S>,
          .stem_conv = stem_conv<S>,
          .stem_fused = stem_fused<S>,
          .scale_shift = scale_shift<S>,
          .relu = relu<S>,
          .subsample = subsample<S>,
          .max_pool = max_pool<S>,
          .global_average_pool = global_average_pool<S>,
          .to_blocked = to_blocked<S>,
          .from_blocked = from_blocked<S>,
          .zero_halo = zero_halo<S>,
          .fma_operations = fma_operations<S>};
}

}  // namespace resnet::cpu::generic
