// The cpu backend: modules [begin, end) of a network on one instruction set.
#pragma once

#include "core/executable.hpp"

#include <memory>
#include <string>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::cpu {

struct CompileOptions {
  int begin;
  int end;
  Precision precision;  // fp32 also for parts that an int8 model keeps so
  Plan plan;
  std::string isa;  // one of available_isas(model.precision)
  int threads;
};

// Packs the weights and lets go of the model's own pages as it does: of an fp32 model with BatchNorm folded
// (the stem excepted: cuts inside it are exact), of an int8 model as they are.
std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options);

}  // namespace resnet::cpu
