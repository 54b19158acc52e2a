// The kernel table of one instruction set.
#pragma once

#include "cpu/generic/conv.hpp"
#include "cpu/generic/direct_stem.hpp"
#include "cpu/generic/elementwise.hpp"
#include "cpu/generic/fully_connected.hpp"
#include "cpu/generic/winograd.hpp"
#include "cpu/generic/winograd_stem.hpp"

#include <type_traits>

namespace resnet::cpu::generic {

// What moves or compares values; the products are still to be filled in.
template <class S>
constexpr KernelTable make_elementwise_table(std::string_view isa) {
  return {.isa = isa,
          .conv_kernel = {},
          .stem_kernel = {},
          .element_bytes = sizeof(typename S::Element),
          .lanes = S::kLanes,
          .tile_channels = 0,
          .packed_conv_bytes = nullptr,
          .pack_conv = nullptr,
          .packed_stem_bytes = nullptr,
          .pack_stem = nullptr,
          .conv = nullptr,
          .winograd = {},
          .stem_image_bytes = nullptr,
          .stem_input = nullptr,
          .stem_scratch_bytes = nullptr,
          .stem_conv = nullptr,
          .stem_fused = nullptr,
          .scale_shift = scale_shift<S>,
          .relu = relu<S>,
          .subsample = subsample<S>,
          .max_pool = max_pool<S>,
          .global_average_pool = global_average_pool<S>,
          .fully_connected = nullptr,
          .to_blocked = to_blocked<S>,
          .from_blocked = from_blocked<S>,
          .zero_halo = zero_halo<S>,
          .multiply_add_operations = nullptr};
}

template <class S>
constexpr KernelTable make_table(std::string_view isa) {
  KernelTable table = make_elementwise_table<S>(isa);
  table.conv_kernel = "direct";
  table.tile_channels = S::kTileVectors * S::kLanes;
  table.packed_conv_bytes = packed_conv_bytes<S>;
  table.pack_conv = pack_conv<S>;
  table.conv = conv<S>;
  if constexpr (std::is_same_v<typename S::Element, float>) {
    table.winograd = {.packed_bytes = packed_winograd_bytes<S>,
                      .pack = pack_winograd<S>,
                      .input_bytes = winograd_input_bytes<S>,
                      .product_bytes = winograd_product_bytes<S>,
                      .input = winograd_input<S>,
                      .gemm = winograd_gemm<S>,
                      .output = winograd_output<S>};
    table.stem_kernel = "winograd_f3x3";
    table.packed_stem_bytes = winograd_stem::packed_bytes<S>;
    table.pack_stem = winograd_stem::pack<S>;
    table.stem_image_bytes = winograd_stem::image_bytes<S>;
    table.stem_input = winograd_stem::input<S>;
    table.stem_scratch_bytes = winograd_stem::scratch_bytes<S>;
    table.stem_conv = winograd_stem::conv<S>;
    table.stem_fused = winograd_stem::fused<S>;
  } else {
    table.stem_kernel = "direct_7x7_s2";
    table.packed_stem_bytes = direct_stem::packed_bytes<S>;
    table.pack_stem = direct_stem::pack<S>;
    table.stem_image_bytes = direct_stem::image_bytes<S>;
    table.stem_input = direct_stem::input<S>;
    table.stem_scratch_bytes = direct_stem::scratch_bytes<S>;
    table.stem_conv = direct_stem::conv<S, direct_stem::products<S>>;
    table.stem_fused = direct_stem::fused<S, direct_stem::products<S>>;
  }
  table.fully_connected = fully_connected<S>;
  table.multiply_add_operations = multiply_add_operations<S>;
  return table;
}

}  // namespace resnet::cpu::generic
