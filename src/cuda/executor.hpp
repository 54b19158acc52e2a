// The cuda backend: modules [begin, end) of a network on one GPU, one graph of kernels a run.
#pragma once

#include "core/executable.hpp"
#include "cuda/families.hpp"

#include <memory>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::cuda {

struct CompileOptions {
  int begin;
  int end;
  Precision precision;  // fp32, fp16, bf16 or int8; fp32 also for parts that an int8 model keeps so
  Plan plan;
  int device;     // as in cuda:0
  Family family;  // one of the device's
  int threads;    // that may bring a large input to the GPU together
};

// Packs the weights on the device. Throws Error{out_of_memory, device_unavailable}.
std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options);

}  // namespace resnet::cuda
