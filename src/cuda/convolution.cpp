#include "cuda/convolution.hpp"

#include "core/requantize.hpp"
#include "cuda/gathered/convolution.hpp"
#include "cuda/sm90/convolution.hpp"

namespace resnet::cuda {

void EpilogueParams::set(const Activation& output, const Epilogue& epilogue) {
  const QuantizedRange range = epilogue.relu ? kUnsignedRange : kSignedRange;
  out = output.data;
  relu = epilogue.relu;
  low = range.low, high = range.high;
  has_residual = epilogue.residual != nullptr;
  residual = has_residual ? epilogue.residual->data : nullptr;
  residual_scale = epilogue.residual_multiplier;
  residual_signed = epilogue.residual_signed;
}

std::size_t scratch_bytes(const ConvolutionKind& kind, const Layer& layer, std::int64_t pixels) {
  if (kind.family == Family::sm90) return 0;
  return gathered::scratch_bytes(gathered::choose(kind, layer, pixels), layer.spec.out_channels, pixels);
}

ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in,
                                    const Activation& out, const Epilogue& epilogue, void* scratch) {
  if (kind.family != Family::sm90) {
    return std::make_unique<gathered::Convolution>(kind, gathered::choose(kind, layer, out.pixels()), layer,
                                                   in, out, epilogue, scratch);
  }
  const sm90::Choice choice = sm90::choose(kind.precision, kind.plan, layer.spec, out.pixels());
  return std::make_unique<sm90::Convolution>(kind.precision, choice, layer, in, out, epilogue);
}

ConvolutionPointer make_pair(const ConvolutionKind& kind, const Layer& path, const Layer& shortcut,
                             const Activation& in, const Activation& path_out,
                             const Activation& shortcut_out) {
  if (kind.family != Family::sm90) return nullptr;
  return sm90::ConvolutionPair::make(kind, path, shortcut, in, path_out, shortcut_out);
}

ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in,
                                    const Activation& out) {
  if (kind.family != Family::sm90) return std::make_unique<gathered::Convolution>(kind, stem, in, out);
  return std::make_unique<sm90::Convolution>(kind.precision, stem, in, out);
}

ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in,
                                    float* raw) {
  if (kind.family != Family::sm90) return std::make_unique<gathered::Convolution>(kind, stem, in, raw);
  return std::make_unique<sm90::Convolution>(kind.precision, stem, in, raw);
}

ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in,
                                    void* scratch) {
  if (kind.family != Family::sm90) return std::make_unique<gathered::Convolution>(kind, layer, in, scratch);
  return std::make_unique<sm90::Convolution>(kind.precision, layer, in);
}

}  // namespace resnet::cuda
