// The seam between a Session and the backends: a range of modules, compiled.
#pragma once

#include "core/pixel_table.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet {

struct Trace;

// One call's scratch memory. Made for one input shape; not shared between concurrent calls.
class Workspace {
 public:
  virtual ~Workspace() = default;

  // The input of run_pixels() as values, where the backend has no better way.
  std::vector<float> normalised;
};

class Executable {
 public:
  virtual ~Executable() = default;

  // Takes all memory that a run on `input_shape` needs.
  virtual std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const = 0;

  // GPUs that it runs on, at least 1. A workspace belongs to one of them, and so does what runs on it.
  virtual int devices() const { return 1; }
  virtual std::unique_ptr<Workspace> make_workspace_on(int /*device*/, const Shape& input_shape) const {
    return make_workspace(input_shape);
  }

  // Computes. `workspace` comes from make_workspace(input_shape). Allocates nothing and does not throw
  // except through the callbacks of `trace` and where a GPU fails. Same input, same bits, whatever the thread
  // count.
  virtual void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
                   const Trace* trace) const = 0;

  // Takes what a workspace needs for run_pixels(); nothing the second time.
  virtual void prepare_pixels(const PixelTable& table, const Shape& input_shape, Workspace& workspace) const;

  // As run(), from pictures of 8-bit pixels, [N, H, W, 3] for an input [N, 3, H, W] of module 0, each of
  // which stands for its value in the table that the workspace was prepared with: the bits of normalise() and
  // run(). A backend that overrides neither of the two normalises on the calling thread.
  virtual void run_pixels(const std::uint8_t* rgb, const PixelTable& table, const Shape& input_shape,
                          float* output, Workspace& workspace, const Trace* trace) const;

  // Computes once more what the last run on this workspace computed, from and to the device's own memory, and
  // returns the milliseconds that took by the device's clock. Empty where there is no such device.
  virtual std::optional<double> device_ms(Workspace& /*workspace*/) const { return std::nullopt; }
};

}  // namespace resnet
