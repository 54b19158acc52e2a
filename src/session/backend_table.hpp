// The one list of what computes: `backends()` prints it, a Session picks from it and runs what it names.
#pragma once

#include "core/executable.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet {

struct Backend {
  std::string_view name;              // what --backend says
  std::string_view device;            // what --device says: "cpu", "cuda"
  bool automatic;                     // whether the device `auto` may take it without its being named
  std::vector<Precision> precisions;  // that it runs here without being told how
  bool (*available)();                // on this machine, in this build
  std::string (*detail)();            // what it would use, or why it is unavailable
  // Instruction sets that it can run at a precision on its device of this index, best first. Throws
  // Error{device_unavailable} where there is no such device. Null for a backend that has no such choice.
  std::vector<std::string_view> (*isas)(Precision, int index);
  // `options` is resolved: every default replaced, the range, threads and isa checked. Its precision is that
  // of every module of the range, its isa one of the model's precision.
  std::unique_ptr<Executable> (*compile)(const Model& model, const SessionOptions& options);

  // Also where the precision is none of `precisions` but `isa` names an instruction set for it.
  bool supports(Precision precision, std::string_view isa = {}, int index = 0) const;
  bool has_isa(std::string_view isa, Precision precision, int index) const;
};

// Fastest first: what is asked for without a name is the first that is available and has the precision.
std::span<const Backend> backend_table();

// The row that serves options.device, options.backend and `precision`. Throws Error:
// invalid_argument for a name that no row has, device_unavailable or unsupported where the row named
// cannot serve; the message lists what is there.
const Backend& choose_backend(const SessionOptions& options, Precision precision);

}  // namespace resnet
