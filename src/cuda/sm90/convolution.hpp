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

  // This one and another in one launch: both m64n64_cluster, of the same split or of none, and of rows of k
  // of one length. Neither may need the other's result.
  void run_with(const Convolution& other, cudaStream_t stream) const;

 private:
  void set_layer(Precision precision, const Layer& layer);
  void set_stem(Precision precision, const Stem& stem, const StemInput& in);
  void set_output(Precision precision, const Activation& out, const Epilogue& epilogue);
  void set_resident(Precision precision, const Activation& in, const Activation& out,
                    const Epilogue& epilogue);
  void set_grid();
  bool is_split() const { return kernel_->stages > 0; }
  int steps_a_block() const;
  int stages_that_fit(int blocks) const;
  void run_split(const GemmParams& params, const Convolution* other, cudaStream_t stream) const;
  void launch(unsigned grid, int cluster, int shared_bytes, void** arguments, cudaStream_t stream) const;

  Choice choice_{};
  const GemmKernel* kernel_ = nullptr;
  GemmParams params_{};
  CUtensorMap x_{}, w_{}, residual_{}, out_{};
  unsigned blocks_ = 0;  // tiles, or as many blocks as the GPU holds
};

// As make_pair() has it.
class ConvolutionPair final : public cuda::Convolution {
 public:
  static ConvolutionPointer make(const ConvolutionKind& kind, const Layer& path, const Layer& shortcut,
                                 const Activation& in, const Activation& path_out,
                                 const Activation& shortcut_out);
  ConvolutionPair(sm90::Convolution path, sm90::Convolution shortcut) : path_(path), shortcut_(shortcut) {}

  void run(cudaStream_t stream, float* /*raw*/) const override { path_.run_with(shortcut_, stream); }
  std::string kernel_name() const override { return path_.kernel_name() + "_pair"; }

 private:
  sm90::Convolution path_, shortcut_;
};

}  // namespace resnet::cuda::sm90
