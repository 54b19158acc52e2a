// The seam between a Session and the backends: a range of modules, compiled.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <resnet/tensor.hpp>

namespace resnet {

struct Trace;

// One call's scratch memory. Made for one input shape; not shared between concurrent calls.
class Workspace {
 public:
  virtual ~Workspace() = default;
};

class Executable {
 public:
  virtual ~Executable() = default;

  // Takes all memory that a run on `input_shape` needs.
  virtual std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const = 0;

  // Computes. `workspace` comes from make_workspace(input_shape). Allocates nothing and does not throw
  // except through the callbacks of `trace` and where a GPU fails. Same input, same bits, whatever the thread
  // count.
  virtual void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
                   const Trace* trace) const = 0;

  // Computes once more what the last run on this workspace computed, from and to the device's own memory, and
  // returns the milliseconds that took by the device's clock. Empty where there is no such device.
  virtual std::optional<double> device_ms(Workspace& /*workspace*/) const { return std::nullopt; }
};

}  // namespace resnet
