// The seam between a plan and the kernels of a family: one convolution, ready to be launched.
#pragma once

#include "cuda/epilogue.hpp"
#include "cuda/families.hpp"
#include "cuda/layers.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include <cuda_runtime_api.h>

#include <resnet/session.hpp>

namespace resnet::cuda {

class Convolution {
 public:
  virtual ~Convolution() = default;
  // Launches and checks the launch; `raw` replaces where an fp32 result goes.
  virtual void run(cudaStream_t stream, float* raw = nullptr) const = 0;
  virtual std::string kernel_name() const = 0;  // "wgmma_128x64", "wgmma_64x64_split8"
};

// What the convolutions of a plan have in common: bits depend on these and on the layer, nothing else.
struct ConvolutionKind {
  Family family;
  Precision precision;
  Plan plan;
};

using ConvolutionPointer = std::unique_ptr<const Convolution>;
// Bytes of scratch memory that a layer with as many output pixels wants on the current device, zero before
// the first run. Layers that run one after the other share it.
std::size_t scratch_bytes(const ConvolutionKind& kind, const Layer& layer, std::int64_t pixels);
// A layer of a block. Every tensor has its memory; the output's shape is the caller's word.
ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in,
                                    const Activation& out, const Epilogue& epilogue, void* scratch);
// A block's first convolution, followed by ReLU, and its shortcut, which read the same input, in one launch:
// few pixels leave most of the GPU idle. Null where that is not to be had, or not of use.
ConvolutionPointer make_pair(const ConvolutionKind& kind, const Layer& path, const Layer& shortcut,
                             const Activation& in, const Activation& path_out,
                             const Activation& shortcut_out);
// conv1, bn1 and relu.
ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in,
                                    const Activation& out);
// conv1 alone: fp32 [pixels][64] into `raw`.
ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Stem& stem, const StemInput& in,
                                    float* raw);
// The fully connected layer, over images as pixels: fp32 [n][classes] into what run() is given.
ConvolutionPointer make_convolution(const ConvolutionKind& kind, const Layer& layer, const Activation& in,
                                    void* scratch);

}  // namespace resnet::cuda
