#include "ladder/tensor_cores.hpp"

#include "cuda/devices.hpp"
#include "cuda/memory.hpp"
#include "cuda/plan.hpp"
#include "cuda/roofline.hpp"
#include "ladder/measure.hpp"

#include <resnet/session.hpp>

namespace resnet::ladder {
namespace {

Plan plan_for(const Shape& shape) {
  return shape[0] < 8 ? Plan::latency : Plan::throughput;
}

Session session_for(const Model& model, const Shape& shape) {
  SessionOptions options;
  options.device = "cuda:0";
  options.backend = "cuda";
  options.precision = Precision::fp32;
  options.plan = plan_for(shape);
  options.max_batch = static_cast<int>(shape[0]);
  options.height = static_cast<int>(shape[2]);
  options.width = static_cast<int>(shape[3]);
  return Session(model, options);
}

// The backend's own plan, without its graph.
struct Steps {
  Steps(const Model& model, const Shape& shape, std::span<const float> values)
      : family(cuda::require_families(cuda::devices(), 0).front()),
        layers(cuda::pack_layers(model, 0, model.architecture.module_count(), Precision::fp32, family)),
        plan(cuda::make_plan(model.architecture, layers,
                             {.begin = 0,
                              .end = model.architecture.module_count(),
                              .precision = Precision::fp32,
                              .plan = plan_for(shape),
                              .family = family},
                             shape)),
        input(cuda::upload(values)),
        output(static_cast<std::size_t>(shape[0] * model.architecture.classes())) {}

  void launch(cudaStream_t stream) const {
    for (const cuda::Step& step : plan.steps) step.launch({input.data(), output.data()}, stream);
  }

  cuda::Family family;  // the one that the backend takes
  cuda::Layers layers;
  cuda::RunPlan plan;
  cuda::DeviceBuffer<float> input, output;
};

}  // namespace

TensorCoreTimes time_tensor_cores(const Model& model, const Shape& shape, std::span<const float> input,
                                  const Gpu& gpu, int runs) {
  TensorCoreTimes result{};
  const Session session = session_for(model, shape);  // refuses a GPU that the kernels are not for
  const Steps steps(model, shape, input);
  const cuda::Stream stream;
  result.steps_ms = device_ms(runs, stream.get(), [&](cudaStream_t s) { steps.launch(s); });

  std::vector<float> logits(steps.output.size());
  session.run(input, shape, logits);
  result.graph_ms = median_of(runs, [&] { return *session.device_ms(shape); });

  const double rate = cuda::unit_gflops(0, "cuda", Precision::fp32) * 1e9;
  for (const cuda::Step& step : steps.plan.steps) {
    const auto operations = 2 * static_cast<double>(step.macs), bytes = static_cast<double>(step.bytes);
    result.predicted_steps_ms += tensor_seconds(gpu, operations, rate, bytes, kLaunchSeconds) * 1e3;
    result.predicted_graph_ms += tensor_seconds(gpu, operations, rate, bytes, kGraphSeconds) * 1e3;
  }
  return result;
}

TensorCoreLogits tensor_core_logits(const Model& model, const Shape& shape, std::span<const float> input) {
  const Session session = session_for(model, shape);
  const Steps steps(model, shape, input);
  TensorCoreLogits logits{.steps = std::vector<float>(steps.output.size()),
                          .graph = std::vector<float>(steps.output.size())};
  session.run(input, shape, logits.graph);
  const cuda::Stream stream;
  steps.launch(stream.get());
  cuda::copy_bytes(logits.steps.data(), steps.output.data(), steps.output.bytes(), stream.get());
  stream.synchronize();
  return logits;
}

}  // namespace resnet::ladder
