// A model of two precisions: an int8 model that keeps parts in fp32 (include/resnet/quantization.hpp).
#pragma once

#include "core/executable.hpp"
#include "session/backend_table.hpp"

#include <memory>

namespace resnet {

// Compiles each run of neighbouring modules of one precision by `backend`, and chains them through fp32
// activations: what leaves a quantised module is a multiple of its scale, which fp32 holds exactly, and what
// enters one is rounded to its input's scale. A range of one precision is the backend's own executable.
std::unique_ptr<Executable> compile_mixed(const Model& model, const Backend& backend,
                                          const SessionOptions& options);

}  // namespace resnet
