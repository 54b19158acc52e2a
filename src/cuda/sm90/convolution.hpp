// A convolution on Hopper: the kernel chosen for it, its parameters and tensor maps.
#pragma once

#include "cuda/convolution.hpp"
#include "cuda/sm90/choose.hpp"
#include "cuda/sm90/implicit_gemm.hpp"

#include <string>

#include <cuda.h>

namespace resnet::cuda::sm90 {

class Convolution final : public cuda::Convolution {
 public:
  // As make_convolution() has them.
  Convolution(Precision precision, Choice choice, const Layer& layer, const Activation& in,
              const Activation& out, const Epilogue& epilogue);
  Convolution(Precision precision, const Stem& stem, const StemInput& in, const Activation& out);
  Convolution(Precision precision, const Stem& stem, const StemInput& in, float* raw);
  Convolution(Precision precision, const Layer& layer, const Activation& in);

  void run(cudaStream_t stream, float* raw = nullptr) const override;
  std::string kernel_name() const override;

 private:
  void set_layer(Precision precision, const Layer& layer);
  void set_stem(Precision precision, const Stem& stem, const StemInput& in);
  void set_output(Precision precision, const Activation& out, const Epilogue& epilogue);
  void set_resident(Precision precision, const Activation& in, const Activation& out,
                    const Epilogue& epilogue);
  void set_grid();

  Choice choice_{};
  const GemmKernel* kernel_ = nullptr;
  GemmParams params_{};
  CUtensorMap x_{}, w_{}, residual_{}, out_{};
  unsigned blocks_ = 0;
};

}  // namespace resnet::cuda::sm90
