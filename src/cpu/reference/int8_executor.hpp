// The `reference` backend at precision int8: a range of modules of a quantised model with the loops of
// int8_ops.hpp. Its ends are fp32: pixels come in as the normalised tensor, activations at a cut as multiples
// of their scale; both convert without loss.
#pragma once

#include "cpu/reference/executor.hpp"

namespace resnet::reference {

// begin is 0 or behind the stem, and so is end: conv1, bn1, relu and maxpool are one step.
std::unique_ptr<Executable> compile_int8(const Model& model, const CompileOptions& options);

}  // namespace resnet::reference
