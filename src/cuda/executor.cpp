#include "cuda/executor.hpp"

#include "cuda/check.hpp"
#include "cuda/graph.hpp"
#include "cuda/layers.hpp"
#include "cuda/plan.hpp"
#include "cuda/pointwise.hpp"
#include "cuda/ranges.hpp"
#include "cuda/staging.hpp"
#include "cuda/stream.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <cuda_runtime.h>
#include <fmt/format.h>

namespace resnet::cuda {
namespace {

std::size_t count_of(const Shape& shape) {
  return static_cast<std::size_t>(shape.numel());
}

// One call's memory, its stream, and its kernels as a graph, which one call launches.
struct CudaWorkspace final : Workspace {
  // For runs that begin with 8-bit pixels.
  struct Pixels {
    DeviceBuffer<std::uint8_t> rgb;
    DeviceBuffer<float> table;
    Graph graph;  // normalises, and then all of the plan
  };

  CudaWorkspace(std::string run_name, RunPlan run_plan, const Shape& input_shape, std::size_t outputs,
                int threads)
      : name(std::move(run_name)),
        plan(std::move(run_plan)),
        shape(input_shape),
        input(count_of(input_shape)),
        output(outputs),
        staging(std::max(input.bytes(), output.bytes()), threads) {
    graph = Graph(stream.get(), [&] { launch_all(); });
  }

  void prepare_pixels(const PixelTable& table) {
    Pixels made{.rgb = DeviceBuffer<std::uint8_t>(input.size()),
                .table = upload(std::span<const float>(table[0].data(), sizeof(table) / sizeof(float))),
                .graph = {}};
    made.graph = Graph(stream.get(), [&] {
      normalise(made);
      launch_all();
    });
    pixels = std::move(made);
  }
  void normalise(const Pixels& from) const {
    normalise_pixels(from.rgb.data(), from.table.data(), static_cast<int>(shape[0]),
                     static_cast<std::size_t>(shape[2] * shape[3]), input.data(), stream.get());
  }

  Call call() const { return {input.data(), output.data()}; }
  void launch_all() const {
    for (const Step& step : plan.steps) step.launch(call(), stream.get());
  }

  std::string name;  // for profilers: "resnet18 fp16 x64"
  RunPlan plan;
  Shape shape;  // of the input
  DeviceBuffer<float> input, output;
  Stream stream;
  Staging staging;
  Graph graph;
  std::optional<Pixels> pixels;
  bool from_pixels = false;  // the last run
};

// Names each module for profilers, while its steps are launched one by one.
class ModuleRanges {
 public:
  explicit ModuleRanges(const Architecture& architecture) : architecture_(architecture) {}
  void enter(int module) {
    if (module == module_) return;
    range_.reset();
    range_.emplace(architecture_.modules()[static_cast<std::size_t>(module)].name);
    module_ = module;
  }

 private:
  const Architecture& architecture_;
  int module_ = -1;
  std::optional<Range> range_;
};

class CudaExecutable final : public Executable {
 public:
  CudaExecutable(const Model& model, const CompileOptions& options)
      : architecture_(model.architecture), options_(options) {
    const DeviceScope scope(options.device);
    layers_ = pack_layers(model, options.begin, options.end, options.precision, options.family);
  }

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    const DeviceScope scope(options_.device);
    const Shape output = architecture_.output_shape_from(options_.begin, options_.end - 1, input_shape);
    return std::make_unique<CudaWorkspace>(
        fmt::format("{} {} x{}", architecture_.name(), resnet::to_string(options_.precision), input_shape[0]),
        make_plan(architecture_, layers_, plan_options(nullptr), input_shape), input_shape, count_of(output),
        options_.threads);
  }

  void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    const DeviceScope scope(options_.device);
    auto& own = static_cast<CudaWorkspace&>(workspace);
    const Range range(own.name);
    own.from_pixels = false;
    own.staging.to_device(own.input.data(), input, own.input.bytes(), own.stream.get());
    if (trace == nullptr || !run_watched(own, input_shape, *trace)) own.graph.launch(own.stream.get());
    own.staging.to_host(output, own.output.data(), own.output.bytes(), own.stream.get());
  }

  void prepare_pixels(const PixelTable& table, const Shape&, Workspace& workspace) const override {
    const DeviceScope scope(options_.device);
    auto& own = static_cast<CudaWorkspace&>(workspace);
    if (!own.pixels) own.prepare_pixels(table);
  }

  void run_pixels(const std::uint8_t* rgb, const PixelTable&, const Shape& input_shape, float* output,
                  Workspace& workspace, const Trace* trace) const override {
    const DeviceScope scope(options_.device);
    auto& own = static_cast<CudaWorkspace&>(workspace);
    const Range range(own.name);
    own.from_pixels = true;
    own.staging.to_device(own.pixels->rgb.data(), rgb, own.pixels->rgb.bytes(), own.stream.get());
    if (trace != nullptr && (trace->on_module || trace->on_layer)) {
      const double ms = time_of(own, [&] { own.normalise(*own.pixels); });
      const std::size_t moved = own.pixels->rgb.bytes() + own.input.bytes();
      if (trace->on_layer)
        trace->on_layer({0, "pixels", "normalise", ms, 0, static_cast<std::int64_t>(moved)});
      run_watched(own, input_shape, *trace);
    } else {
      own.pixels->graph.launch(own.stream.get());
    }
    own.staging.to_host(output, own.output.data(), own.output.bytes(), own.stream.get());
  }

  std::optional<double> device_ms(Workspace& workspace) const override {
    const DeviceScope scope(options_.device);
    const auto& own = static_cast<const CudaWorkspace&>(workspace);
    const Graph& graph = own.from_pixels ? own.pixels->graph : own.graph;
    const Event start, stop;
    graph.launch(own.stream.get());  // keeps the GPU busy until the run that is timed has been queued
    start.record(own.stream.get());
    graph.launch(own.stream.get());
    stop.record(own.stream.get());
    stop.synchronize();
    return stop.ms_since(start);
  }

 private:
  PlanOptions plan_options(float* module_output) const {
    return {options_.begin, options_.end, options_.precision, options_.plan, options_.family, module_output};
  }

  template <class Launch>
  static double time_of(const CudaWorkspace& workspace, const Launch& launch) {
    const Event start, stop;
    start.record(workspace.stream.get());
    launch();
    stop.record(workspace.stream.get());
    stop.synchronize();
    return stop.ms_since(start);
  }

  static double run_step(const Step& step, const CudaWorkspace& workspace) {
    return time_of(workspace, [&] { step.launch(workspace.call(), workspace.stream.get()); });
  }

  // The plan step by step, where somebody watches; else false.
  bool run_watched(const CudaWorkspace& own, const Shape& input_shape, const Trace& trace) const {
    if (trace.on_module) {
      run_by_module(own, input_shape, trace);
    } else if (trace.on_layer) {
      ModuleRanges modules(architecture_);
      for (const Step& step : own.plan.steps) {
        modules.enter(step.module);
        const double ms = run_step(step, own);
        trace.on_layer({step.module, step.layer, step.kernel, ms, step.macs, step.bytes});
      }
    } else {
      return false;
    }
    return true;
  }

  // With each module's output materialised; the stem's modules run one by one, with the same bits.
  void run_by_module(const CudaWorkspace& workspace, const Shape& input_shape, const Trace& trace) const {
    const auto shape_of = [&](int module) {
      return architecture_.output_shape_from(options_.begin, module, input_shape);
    };
    std::size_t largest = 0;
    for (int m = options_.begin; m < options_.end; ++m) largest = std::max(largest, count_of(shape_of(m)));
    const DeviceBuffer<float> device_output(largest);
    std::vector<float> module_output(largest);
    const RunPlan plan = make_plan(architecture_, layers_, plan_options(device_output.data()), input_shape);
    double ms = 0;
    ModuleRanges modules(architecture_);
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = plan.steps[i];
      modules.enter(step.module);
      const double step_ms = run_step(step, workspace);
      if (!step.layer.empty()) {
        ms += step_ms;
        if (trace.on_layer)
          trace.on_layer({step.module, step.layer, step.kernel, step_ms, step.macs, step.bytes});
      }
      const bool head = step.module == architecture_.head() && i + 1 == plan.steps.size();
      if (!step.layer.empty() && !head) continue;
      const Shape shape = shape_of(step.module);
      copy_bytes(module_output.data(), head ? workspace.output.data() : device_output.data(),
                 count_of(shape) * sizeof(float), workspace.stream.get());
      workspace.stream.synchronize();
      trace.on_module(step.module, shape, module_output.data(), ms);
      ms = 0;
    }
  }

  Architecture architecture_;
  CompileOptions options_;
  Layers layers_;
};

}  // namespace

std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options) {
  return std::make_unique<CudaExecutable>(model, options);
}

}  // namespace resnet::cuda
