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
  std::string isa;  // one of available_isas(), of int8 for all parts of an int8 model
  int threads;
};

// Packs the weights and lets go of the model's own pages as it does: for fp32 and bf16 with BatchNorm folded
// (the stem excepted: cuts inside it are exact), of an int8 model as they are.
std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options);

}  // namespace resnet::cpu
