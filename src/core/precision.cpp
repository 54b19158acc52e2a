#include "core/choices.hpp"

#include <array>

#include <resnet/precision.hpp>

namespace resnet {

std::string_view to_string(Precision precision) noexcept {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
    case Precision::fp16:
      return "fp16";
    case Precision::int8:
      return "int8";
  }
  return "?";
}

Precision parse_precision(std::string_view name) {
  constexpr std::array kPrecisions{Precision::fp32, Precision::tf32, Precision::bf16, Precision::fp16,
                                   Precision::int8};
  return parse_choice("precision", name, kPrecisions);
}

}  // namespace resnet
