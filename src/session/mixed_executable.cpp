#include "session/mixed_executable.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <resnet/quantization.hpp>

namespace resnet {
namespace {

struct Range {
  int begin, end;
  Precision precision;
};

std::vector<Range> ranges_of(const Model& model, const SessionOptions& options) {
  std::vector<Range> ranges;
  for (int m = options.begin; m < options.end; ++m) {
    const bool kept = keeps(model.quantization, model.architecture, m);
    const Precision precision = kept ? Precision::fp32 : *options.precision;
    if (ranges.empty() || ranges.back().precision != precision) ranges.push_back({m, m, precision});
    ranges.back().end = m + 1;
  }
  return ranges;
}

std::unique_ptr<Executable> compile(const Model& model, const Backend& backend, SessionOptions options,
                                    const Range& range) {
  options.begin = range.begin;
  options.end = range.end;
  options.precision = range.precision;
  return backend.compile(model, options);
}

struct Stage {
  int begin, end;
  std::unique_ptr<Executable> executable;
};

struct MixedWorkspace final : Workspace {
  struct OfStage {
    Shape input;
    std::unique_ptr<Workspace> workspace;
  };
  std::vector<OfStage> stages;
  std::array<std::vector<float>, 2> activations;  // what goes from a stage to the next, by turns
};

class MixedExecutable final : public Executable {
 public:
  MixedExecutable(Architecture architecture, std::vector<Stage> stages)
      : architecture_(std::move(architecture)), stages_(std::move(stages)) {}

  std::unique_ptr<Workspace> make_workspace(const Shape& input_shape) const override {
    auto workspace = std::make_unique<MixedWorkspace>();
    Shape shape = input_shape;
    std::int64_t largest = 0;
    for (const Stage& stage : stages_) {
      Shape output = architecture_.output_shape_from(stage.begin, stage.end - 1, shape);
      workspace->stages.push_back({shape, stage.executable->make_workspace(shape)});
      if (&stage != &stages_.back()) largest = std::max(largest, output.numel());
      shape = std::move(output);
    }
    for (auto& activation : workspace->activations) activation.resize(static_cast<std::size_t>(largest));
    return workspace;
  }

  void run(const float* input, const Shape&, float* output, Workspace& workspace,
           const Trace* trace) const override {
    auto& memory = static_cast<MixedWorkspace&>(workspace);
    for (std::size_t i = 0; i < stages_.size(); ++i) input = run_stage(i, input, output, memory, trace);
  }

  // The first stage normalises, on a GPU if that is where it runs.
  void prepare_pixels(const PixelTable& table, const Shape& input_shape,
                      Workspace& workspace) const override {
    stages_[0].executable->prepare_pixels(table, input_shape,
                                          *static_cast<MixedWorkspace&>(workspace).stages[0].workspace);
  }
  void run_pixels(const std::uint8_t* rgb, const PixelTable& table, const Shape& input_shape, float* output,
                  Workspace& workspace, const Trace* trace) const override {
    auto& memory = static_cast<MixedWorkspace&>(workspace);
    const float* input = memory.activations[0].data();
    stages_[0].executable->run_pixels(rgb, table, input_shape, memory.activations[0].data(),
                                      *memory.stages[0].workspace, trace);
    for (std::size_t i = 1; i < stages_.size(); ++i) input = run_stage(i, input, output, memory, trace);
  }

 private:
  // Where its output lies: `output` behind the last stage.
  const float* run_stage(std::size_t i, const float* input, float* output, MixedWorkspace& memory,
                         const Trace* trace) const {
    const auto& [shape, own] = memory.stages[i];
    float* to = i + 1 == stages_.size() ? output : memory.activations[i % 2].data();
    stages_[i].executable->run(input, shape, to, *own, trace);
    return to;
  }

  Architecture architecture_;
  std::vector<Stage> stages_;
};

}  // namespace

std::unique_ptr<Executable> compile_mixed(const Model& model, const Backend& backend,
                                          const SessionOptions& options) {
  const std::vector<Range> ranges = ranges_of(model, options);
  if (ranges.size() == 1) return compile(model, backend, options, ranges.front());
  std::vector<Stage> stages;
  for (const Range& range : ranges)
    stages.push_back({range.begin, range.end, compile(model, backend, options, range)});
  return std::make_unique<MixedExecutable>(model.architecture, std::move(stages));
}

}  // namespace resnet
