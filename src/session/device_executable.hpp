// A Session on GPUs: the weights on each, every workspace on one of them, what each has taken within its
// budget.
#pragma once

#include "core/executable.hpp"
#include "core/memory_budget.hpp"
#include "session/backend_table.hpp"

#include <memory>
#include <vector>

namespace resnet {

// A range of modules compiled for one GPU.
struct OfDevice {
  std::shared_ptr<MemoryBudget> budget;
  std::unique_ptr<Executable> executable;
};

// One executable that runs on each of these: a workspace belongs to one, and so does a run on it.
std::unique_ptr<Executable> share_runs(std::vector<OfDevice> devices);

// compile_mixed() for every device that options.device names, with options.gpu_memory each; on the processor
// compile_mixed() itself. Throws also Error{unsupported} where the devices would not compute the same bits.
std::unique_ptr<Executable> compile_on_devices(const Model& model, const Backend& backend,
                                               const SessionOptions& options);

}  // namespace resnet
