#include "cuda/sm90/choose.hpp"

#include "cuda/activation.hpp"

#include <algorithm>

namespace resnet::cuda::sm90 {
namespace {

using enum Precision;
using enum TileShape;

constexpr TunedLayer kTuned[] = {
#include "cuda/sm90/tuned_h200.inc"
};

std::int64_t tiles(std::int64_t pixels, int channels, int tile_m, int tile_n) {
  return (pixels + tile_m - 1) / tile_m * ((channels + tile_n - 1) / tile_n);
}

// A kernel of clusters takes longer to start than one without, so that only long sums are worth splitting.
int split_by_rule(Precision precision, const ConvSpec& spec) {
  const int stages = spec.kernel * spec.kernel * spec.in_channels * element_bytes_of(precision) / 128;
  return stages * (precision == fp32 ? 2 : 1) >= 18 ? 8 : 1;
}

Choice whole_or_split(TileShape tile, int split) {
  return split == 1 ? Choice{tile, 1} : Choice{m64n64_cluster, split};
}

}  // namespace

std::span<const TunedLayer> tuned_layers() {
  return kTuned;
}

const TunedLayer* find_tuned(Precision precision, const ConvSpec& spec) {
  if (precision == bf16) precision = fp16;
  const auto row = std::ranges::find_if(kTuned, [&](const TunedLayer& l) {
    return l.precision == precision && l.kernel == spec.kernel && l.stride == spec.stride &&
           l.in_channels == spec.in_channels && l.out_channels == spec.out_channels;
  });
  return row != std::end(kTuned) ? row : nullptr;
}

Choice choice_of(const TunedLayer& layer, Plan plan, std::int64_t pixels) {
  TileShape tile = layer.tiles[0].shape;
  for (const TileFrom& t : layer.tiles) {
    if (t.pixels > 0 && t.pixels <= pixels) tile = t.shape;
  }
  return whole_or_split(tile, plan == Plan::latency ? layer.split : 1);
}

bool possible(Precision precision, Choice choice, const ConvSpec& spec) {
  const int row_bytes = row_bytes_of(precision, spec.in_channels);
  const int stages = spec.kernel * spec.kernel * spec.in_channels * element_bytes_of(precision) / row_bytes;
  const bool suits = choice.shape != resident ||
                     (spec.kernel == 3 && spec.stride == 1 && spec.in_channels == kResidentChannels &&
                      spec.out_channels == kResidentChannels);
  return suits && find_gemm_kernel(precision, choice.shape, row_bytes) != nullptr && choice.split <= stages;
}

Choice choose_by_rule(Precision precision, Plan plan, const ConvSpec& spec, std::int64_t pixels) {
  // The largest tile that still gives every multiprocessor work, three small ones each where there are so
  // few.
  const TileShape tile =
      tiles(pixels, spec.out_channels, 64, 64) <= 3 * kMultiprocessors                           ? m64n64
      : spec.out_channels > 64 && tiles(pixels, spec.out_channels, 128, 128) >= kMultiprocessors ? m128n128
                                                                                                 : m128n64;
  return whole_or_split(tile, plan == Plan::latency ? split_by_rule(precision, spec) : 1);
}

Choice choose(Precision precision, Plan plan, const ConvSpec& spec, std::int64_t pixels) {
  const TunedLayer* layer = find_tuned(precision, spec);
  if (layer == nullptr) return choose_by_rule(precision, plan, spec, pixels);
  return choice_of(*layer, plan, pixels);
}

std::string_view to_string(TileShape shape) noexcept {
  switch (shape) {
    case m256n128:
      return "m256n128";
    case m192n128:
      return "m192n128";
    case m256n64:
      return "m256n64";
    case m128n128:
      return "m128n128";
    case m128n64:
      return "m128n64";
    case m64n64:
      return "m64n64";
    case m64n64_cluster:
      return "m64n64_cluster";
    case resident:
      return "resident";
  }
  return "?";
}

}  // namespace resnet::cuda::sm90
