// A Session is a Model (or a range of its modules) compiled for a device at a precision: weights packed
// once, memory planned once. run() is const, thread-safe, deterministic and, after the first call of a
// given shape, free of allocations.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/precision.hpp>
#include <resnet/tensor.hpp>

namespace resnet {

enum class Plan {
  latency,     // fastest for a few images at a time
  throughput,  // fastest for batches of eight and more; costs more memory for weights
};
std::string_view to_string(Plan plan) noexcept;
Plan parse_plan(std::string_view name);

struct SessionOptions {
  std::string device = "auto";  // auto | cpu | cuda[:N][,cuda:M…]; runs at the same time share several GPUs
  std::string backend;          // empty: the fastest of the device; or a name that backends() lists
  std::optional<Precision> precision = std::nullopt;  // empty: the model's own
  Plan plan = Plan::latency;
  // Of a processor its instruction set; empty: $RESNET_CPU_ISA, or the best it has. Of the backend cuda its
  // family of kernels, sm90, mma or simt; empty: the fastest that the GPU runs.
  std::string isa;
  int threads = 0;  // 0: $RESNET_THREADS, or what affinity and cgroup quota allow
  int begin = 0;    // modules [begin, end); end = -1 means all
  int end = -1;
  // Memory for this shape is taken at construction; other shapes take theirs at their first run.
  // 0: the model's own crop size.
  int max_batch = 1;
  int height = 0;
  int width = 0;
  // Most bytes that it takes of each GPU's memory (weights, and activations of all runs at once); 0: as much
  // as there is. What the driver itself needs comes on top.
  std::uint64_t gpu_memory = 0;
};

// What one module, or one kernel inside it, did during a traced run.
struct LayerTrace {
  int module = 0;
  std::string layer;   // "layer1.0.conv1", "maxpool", "head"
  std::string kernel;  // "winograd_f4x4", "conv1x1", …
  double ms = 0;
  std::int64_t macs = 0;  // of the direct algorithm, whole batch
  // What it has to read and write, each value once; 0 where it is not counted (on a CPU).
  std::int64_t bytes = 0;
};

// Watches a run. Watching makes nothing else compute: the same kernels give the same bits.
struct Trace {
  // Called after each module with its output as plain NCHW ([N, classes] for the head) and the
  // milliseconds it took. The pointer is valid during the call only.
  std::function<void(int module, const Shape& shape, const float* values, double ms)> on_module{};
  // Called after each convolution with what it leaves (bias, shortcut and ReLU applied; of the downsampling
  // one without ReLU) as plain NCHW, under its name ("layer1.0.conv1"; conv1 before the max pool). For
  // calibration; backend cpu in fp32 only, and without on_module.
  std::function<void(const std::string& layer, const Shape& shape, const float* values)> on_activation{};
  // Called after each kernel. If on_module is empty nothing is materialised, so timings are those of
  // the fused network (fused modules are reported under the last of them).
  std::function<void(const LayerTrace&)> on_layer{};
};

class Executable;

class Session {
 public:
  // Packs the weights. Throws Error: device_unavailable, unsupported, invalid_argument.
  explicit Session(const Model& model, SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // input: [N, C, H, W] fp32, the input of module `begin`; output: output_shape(input shape) elements;
  // the two may not overlap. Throws Error{shape_mismatch, invalid_argument} where a size does not fit.
  // Safe to call from several threads at once: on a GPU the copies of one call go beside the computing of
  // another. The memory of the eight shapes used last is kept.
  void run(std::span<const float> input, const Shape& input_shape, std::span<float> output,
           const Trace* trace = nullptr) const;

  // The same for pictures that are still 8-bit pixels: rgb is [N, H, W, 3] for an input [N, 3, H, W], as
  // resize_and_crop() gives them one by one, and is normalised by the model's Preprocess with the bits of
  // preprocess_image(). A GPU normalises them itself, and they take a quarter of the way there. Throws as
  // run() does, and Error{invalid_argument} where the Session does not begin at module 0.
  void run_pixels(std::span<const std::uint8_t> rgb, const Shape& input_shape, std::span<float> output,
                  const Trace* trace = nullptr) const;

  // Takes the memory of `runs` calls of run_pixels() on this shape at the same time now, instead of when they
  // first meet. Throws Error{out_of_memory}, and as run_pixels() does.
  void reserve_pixels(const Shape& input_shape, int runs) const;

  // Milliseconds of one run on this shape by a GPU's own clock, its input and output in the GPU's memory; the
  // input is that of the last run. Empty on a CPU. Throws as run() does.
  std::optional<double> device_ms(const Shape& input_shape) const;

  Shape output_shape(const Shape& input_shape) const;
  const Architecture& architecture() const noexcept;
  const SessionOptions& options() const noexcept;  // with every default resolved
  std::string_view backend() const noexcept;       // "cpu", "reference", "cuda_stepwise"
  // "avx2", "avx512", "neon", "portable"; of the backend cuda "sm90", "mma", "simt"; "" where it has none.
  std::string_view isa() const noexcept;
  int threads() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One row of the backend table; the same table dispatches.
struct BackendInfo {
  std::string_view name;
  std::string_view device;
  std::vector<Precision> precisions;
  bool available;      // on this machine, in this build
  std::string detail;  // the instruction set or device it would use, or why it is unavailable
};
std::vector<BackendInfo> backends();

// Instruction sets of the cpu backend that this build has and this processor can run at a precision, best
// first.
std::vector<std::string_view> available_isas(Precision precision = Precision::fp32);

// Threads that affinity and the cgroup's CPU quota leave to this process (at least 1).
int available_threads();

}  // namespace resnet
