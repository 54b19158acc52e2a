#include "ladder/climb.hpp"

#include "ladder/measure.hpp"
#include "terminal.hpp"
#include "verify/comparison.hpp"
#include "verify/tolerance.hpp"

#include <cstdint>
#include <random>

#include <resnet/session.hpp>

namespace resnet::ladder {
namespace {

constexpr int kClasses = 1000;
constexpr std::uint64_t kSeed = 1;
constexpr int kCheckedBatch = 3;  // odd, and no multiple of any tile
constexpr int kKindRuns = 9;

Shape shape_of(int batch) {
  return {batch, 3, kSide, kSide};
}

std::vector<float> noise(std::int64_t count) {
  std::mt19937 generator(kSeed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = normal(generator);
  return values;
}

}  // namespace

Climb::Climb(int depth, const Gpu& gpu, int runs)
    : model_(make_random_model(depth, kClasses, kSeed)),
      gpu_(gpu),
      runs_(runs),
      input_(noise(shape_of(kMost).numel())),
      expected_(std::size_t{kCheckedBatch} * kClasses) {
  SessionOptions options;
  options.device = "cpu";
  options.backend = "reference";
  options.precision = Precision::fp32;
  options.max_batch = kCheckedBatch;
  options.height = options.width = kSide;
  Session(model_, options).run(input(kCheckedBatch), shape_of(kCheckedBatch), expected_);
}

std::string Climb::name() const {
  return fmt::format("ResNet-{}", model_.architecture.depth());
}

std::optional<Climb::RungTimes> Climb::time_rung(const Rung& rung) {
  const Weights weights(model_, rung.kernels);
  if (!check(rung.name, logits_of(weights))) return std::nullopt;
  RungTimes times;
  const cuda::Stream stream;
  for (const int batch : kBatches) {
    const Network network(weights, shape_of(batch), gpu_);
    cuda::copy_bytes(network.input(), input_.data(), network.input_bytes(), stream.get());
    times.batches.push_back(
        {device_ms(runs_, stream.get(), [&](cudaStream_t s) { network.launch(s); }), network.predicted_ms()});
    if (batch == kMost) times.kinds = time_kinds(network, stream.get());
  }
  return times;
}

std::optional<TensorCoreTimes> Climb::time_tensor_cores(int batch) {
  const TensorCoreLogits logits = tensor_core_logits(model_, shape_of(kCheckedBatch), input(kCheckedBatch));
  const bool steps = check("tensor cores", logits.steps), graph = check("graph", logits.graph);
  if (!steps || !graph) return std::nullopt;
  return ladder::time_tensor_cores(model_, shape_of(batch), input(batch), gpu_, runs_);
}

CallTimes Climb::time_ways_to_call(int batch, double compute_ms) const {
  const Weights weights(model_, kRungs.back().kernels);
  return time_calls(weights, shape_of(batch), input(batch), gpu_, compute_ms, runs_);
}

std::span<const float> Climb::input(int batch) const {
  return std::span(input_).first(static_cast<std::size_t>(shape_of(batch).numel()));
}

std::vector<float> Climb::logits_of(const Weights& weights) const {
  const Network network(weights, shape_of(kCheckedBatch), gpu_);
  const cuda::Stream stream;
  std::vector<float> logits(expected_.size());
  cuda::copy_bytes(network.input(), input_.data(), network.input_bytes(), stream.get());
  network.launch(stream.get());
  cuda::copy_bytes(logits.data(), network.output(), network.output_bytes(), stream.get());
  stream.synchronize();
  return logits;
}

// Between events around every launch of a run.
std::vector<std::optional<Cell>> Climb::time_kinds(const Network& network, cudaStream_t stream) const {
  const std::vector<Launch>& launches = network.launches();
  const std::vector<cuda::Event> marks(launches.size() + 1);
  std::vector<std::vector<double>> sums(kKinds);
  for (int run = 0; run < kKindRuns; ++run) {
    marks.front().record(stream);
    for (std::size_t i = 0; i < launches.size(); ++i) {
      launches[i].run(stream);
      marks[i + 1].record(stream);
    }
    marks.back().synchronize();
    for (auto& sum : sums) sum.push_back(0);
    for (std::size_t i = 0; i < launches.size(); ++i)
      sums[static_cast<std::size_t>(launches[i].kind)].back() += marks[i + 1].ms_since(marks[i]);
  }
  std::vector<std::optional<Cell>> kinds(kKinds);
  for (const Launch& launch : launches) {
    const auto kind = static_cast<std::size_t>(launch.kind);
    if (!kinds[kind]) kinds[kind] = Cell{median(sums[kind]), 0};
    kinds[kind]->predicted_ms += launch.predicted_ms;
  }
  return kinds;
}

// Against the reference backend, within the numeric contract.
bool Climb::check(const char* rung, const std::vector<float>& logits) {
  const verify::Tolerance tolerance = verify::tolerance({});
  const verify::Difference d = verify::difference(std::span<const float>(logits), expected_);
  const bool right =
      d.not_finite == 0 && d.max_abs_rel() <= tolerance.max_abs_rel && d.cosine >= tolerance.min_cosine;
  cli::hint("{}, {}: {:.1e} of the largest logit from the reference{}", name(), rung, d.max_abs_rel(),
            right ? "" : ": WRONG");
  failed_ = failed_ || !right;
  return right;
}

}  // namespace resnet::ladder
