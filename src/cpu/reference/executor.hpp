// The `reference` backend: a range of modules run operator by operator with the loops of ops.hpp.
#pragma once

#include "core/executable.hpp"

#include <memory>

#include <resnet/model.hpp>

namespace resnet::reference {

struct CompileOptions {
  int begin, end;  // modules [begin, end) of the model
  int threads;
};

// Shares the model's tensors; nothing is packed but the BatchNorm coefficients.
std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options);

}  // namespace resnet::reference
