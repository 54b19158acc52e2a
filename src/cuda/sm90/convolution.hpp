// One convolution of a plan: the kernel chosen for it, its parameters and tensor maps, ready to be launched.
#pragma once

#include "cuda/layers.hpp"
#include "cuda/sm90/implicit_gemm.hpp"

#include <string>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <resnet/session.hpp>

namespace resnet::cuda::sm90 {

// Which kernel runs a layer, and over how many blocks its k is split. The split is fixed by precision, plan
// and layer alone, because it decides the order of additions; the tile may follow the number of pixels.
struct Choice {
  TileShape shape;
  int split;
};
Choice choose(Precision precision, Plan plan, const ConvSpec& spec, std::int64_t pixels);

// What follows the sum.
struct Epilogue {
  bool relu = false;
  const Activation* residual = nullptr;  // same shape as the output
  bool residual_signed = false;          // int8
  float residual_multiplier = 0;         // int8
};

class Convolution {
 public:
  // Every tensor has its memory. The output's shape is the caller's word.
  Convolution(Precision precision, Choice choice, const Layer& layer, const Activation& in,
              const Activation& out, const Epilogue& epilogue);
  // conv1, bn1 and relu.
  Convolution(Precision precision, const Stem& stem, const StemInput& in, const Activation& out);
  // conv1 alone: fp32 [pixels][64] into `raw`.
  Convolution(Precision precision, const Stem& stem, const StemInput& in, float* raw);
  // The fully connected layer, over images as pixels: fp32 [n][classes] into what run() is given.
  Convolution(Precision precision, const Layer& layer, const Activation& in);

  // `raw` replaces where the fp32 result goes.
  void run(cudaStream_t stream, float* raw = nullptr) const;
  std::string kernel_name() const;  // "wgmma_128x64", "wgmma_64x64_split8"

 private:
  void set_layer(Precision precision, const Layer& layer);
  void set_stem(Precision precision, const Stem& stem, const StemInput& in);
  void set_output(Precision precision, const Activation& out, const Epilogue& epilogue);
  void set_grid();

  Choice choice_{};
  const GemmKernel* kernel_ = nullptr;
  GemmParams params_{};
  CUtensorMap x_{}, w_{}, residual_{}, out_{};
  unsigned blocks_ = 0;
};

}  // namespace resnet::cuda::sm90
