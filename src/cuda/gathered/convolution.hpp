// A convolution of the families mma and simt: the kernel chosen for it, its parameters, and over how many
// blocks its k is split.
#pragma once

#include "cuda/convolution.hpp"
#include "cuda/gathered/params.hpp"

#include <string>

namespace resnet::cuda::gathered {

// Which kernel runs a layer. The chunks are fixed by family, precision, plan and layer alone, because they
// decide the order of additions; tile and spread may follow the number of pixels.
struct Choice {
  const Kernel* kernel;
  int chunks;   // of k
  bool spread;  // a block for each chunk, else one block does all of a tile
};
// `k_bytes` of a row of weights; `multiprocessors` of the device.
Choice choose(const ConvolutionKind& kind, int k_bytes, int channels, std::int64_t pixels,
              int multiprocessors);
// The same for a layer on the current device.
Choice choose(const ConvolutionKind& kind, const Layer& layer, std::int64_t pixels);

// As scratch_bytes() in cuda/convolution.hpp has it.
std::size_t scratch_bytes(const Choice& choice, int channels, std::int64_t pixels);

// Those of the family (mma or simt) at this precision.
Kernels kernels_of(Family family, Precision precision);

class Convolution final : public cuda::Convolution {
 public:
  // As make_convolution() has them. `choice` for the first; the others make their own.
  Convolution(const ConvolutionKind& kind, const Choice& choice, const Layer& layer, const Activation& in,
              const Activation& out, const Epilogue& epilogue, void* scratch);
  Convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in, const Activation& out);
  Convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in, float* raw);
  Convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in, void* scratch);

  void run(cudaStream_t stream, float* raw = nullptr) const override;
  std::string kernel_name() const override;  // "mma_128x64", "simt_64x64_split8"

 private:
  void set_layer(Precision precision, const Layer& layer);
  void set_input(Precision precision, const Layer& layer, const Activation& in);
  void set_stem(Precision precision, const Stem& stem, const StemInput& in);
  void set_scratch(void* scratch);
  std::int64_t tiles() const;

  Family family_;
  Choice choice_;
  ConvolutionParams params_;
};

}  // namespace resnet::cuda::gathered
