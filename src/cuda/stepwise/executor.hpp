// The `cuda_stepwise` backend: a range of modules run operator by operator with the kernels of this folder,
// as a textbook would write it. Free of CUDA's headers.
#pragma once

#include "core/executable.hpp"

#include <memory>

#include <resnet/model.hpp>

namespace resnet::cuda::stepwise {

struct CompileOptions {
  int begin, end;  // modules [begin, end) of the model
  int device;      // as in cuda:0
};

// Copies the weights to the device. Throws Error: device_unavailable, out_of_memory.
std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options);

}  // namespace resnet::cuda::stepwise
