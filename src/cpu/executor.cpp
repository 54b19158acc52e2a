#include "cpu/executor.hpp"

#include "core/thread_pool.hpp"
#include "cpu/int8/layers.hpp"
#include "cpu/int8/plan.hpp"
#include "cpu/isa.hpp"
#include "cpu/layers.hpp"
#include "cpu/plan.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace resnet::cpu {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class CpuWorkspace : public Workspace {
 public:
  explicit CpuWorkspace(RunPlan run_plan) : plan(std::move(run_plan)) {}
  RunPlan plan;
};

// What floating-point precisions and int8 differ in: packed layers, and the steps of a run over them.
struct FloatNetwork {
  const KernelTable& kernels;
  PackedLayers layers;
  FloatNetwork(const Model& model, const CompileOptions& o)
      : kernels(kernels_for(o.isa, o.precision)),
        layers(pack_layers(model, o.begin, o.end, o.plan, kernels, o.threads)) {}
  RunPlan plan(const Architecture& architecture, const PlanOptions& o, const Shape& input) const {
    return make_plan(architecture, layers, kernels, o, input);
  }
};

struct Int8Network {
  const int8::KernelTable& kernels;
  int8::PackedLayers layers;
  Int8Network(const Model& model, const CompileOptions& o)
      : kernels(int8_kernels_for(o.isa)),
        layers(int8::pack_layers(model, o.begin, o.end, kernels, o.threads)) {}
  RunPlan plan(const Architecture& architecture, const PlanOptions& o, const Shape& input) const {
    return int8::make_plan(architecture, layers, kernels, o, input);
  }
};

template <class Network>
class CpuExecutable : public Executable {
 public:
  CpuExecutable(const Model& model, const CompileOptions& options)
      : architecture_(model.architecture), options_(options), network_(model, options) {}

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    return std::make_unique<CpuWorkspace>(
        network_.plan(architecture_, {options_.begin, options_.end, options_.threads}, input_shape));
  }

  void run(const float* input, const Shape& input_shape, float* output, Workspace& workspace,
           const Trace* trace) const override {
    const Call call{input, output};
    if (trace != nullptr && trace->on_module) {
      run_by_module(call, input_shape, *trace);
      return;
    }
    if (trace != nullptr && trace->on_activation) {
      run_by_activation(call, input_shape, *trace);
      return;
    }
    const std::vector<Step>& steps = static_cast<CpuWorkspace&>(workspace).plan.steps;
    if (trace != nullptr && trace->on_layer) {
      for (const Step& step : steps) {
        trace->on_layer({step.module, step.layer, step.kernel, run_step(step, call), step.macs});
      }
      return;
    }
    ThreadPool::shared().run(options_.threads, [&](const Team& team) {
      for (const Step& step : steps) {
        step.run(team, call);
        team.barrier();
      }
    });
  }

 private:
  // Every step as a team run of its own, so that callbacks run (and may throw) outside the team.
  double run_step(const Step& step, const Call& call) const {
    const auto start = Clock::now();
    ThreadPool::shared().run(options_.threads, [&](const Team& team) { step.run(team, call); });
    return milliseconds_since(start);
  }

  // With each module's output materialised; the stem's modules run one by one, with the same bits.
  void run_by_module(const Call& call, const Shape& input_shape, const Trace& trace) const {
    std::size_t largest = 0;
    for (int m = options_.begin; m < options_.end; ++m) {
      const auto count = architecture_.output_shape_from(options_.begin, m, input_shape).numel();
      largest = std::max(largest, static_cast<std::size_t>(count));
    }
    std::vector<float> module_output(largest);
    const RunPlan plan = network_.plan(
        architecture_, {options_.begin, options_.end, options_.threads, true, false, module_output.data()},
        input_shape);
    double ms = 0;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = plan.steps[i];
      const double step_ms = run_step(step, call);
      if (!step.layer.empty()) ms += step_ms;  // a nameless step only copies the module's output out
      if (trace.on_layer && !step.layer.empty())
        trace.on_layer({step.module, step.layer, step.kernel, step_ms, step.macs});
      const bool head = step.module == architecture_.head();
      const bool last_of_module = i + 1 == plan.steps.size() || plan.steps[i + 1].module != step.module;
      if (!(head ? last_of_module : step.layer.empty())) continue;
      trace.on_module(step.module, architecture_.output_shape_from(options_.begin, step.module, input_shape),
                      head ? call.output : module_output.data(), ms);
      ms = 0;
    }
  }

  // With every convolution's output materialised.
  void run_by_activation(const Call& call, const Shape& input_shape, const Trace& trace) const {
    // The largest has 64 channels at half of the input's side (conv1) or 256 at a quarter: 5.3 times the
    // input.
    std::vector<float> activation(static_cast<std::size_t>(input_shape.numel()) * 8);
    const RunPlan plan = network_.plan(
        architecture_, {options_.begin, options_.end, options_.threads, false, true, activation.data()},
        input_shape);
    for (const Step& step : plan.steps) {
      run_step(step, call);
      if (step.activation.rank() != 0) trace.on_activation(step.layer, step.activation, activation.data());
    }
  }

  Architecture architecture_;
  CompileOptions options_;
  Network network_;
};

}  // namespace

std::unique_ptr<Executable> compile(const Model& model, const CompileOptions& options) {
  if (options.precision == Precision::int8)
    return std::make_unique<CpuExecutable<Int8Network>>(model, options);
  if (model.precision != Precision::int8)
    return std::make_unique<CpuExecutable<FloatNetwork>>(model, options);
  CompileOptions kept = options;
  kept.isa = fp32_isa_of(options.isa);
  return std::make_unique<CpuExecutable<FloatNetwork>>(model, kept);
}

}  // namespace resnet::cpu
