// ladder: times every rung of docs/kernels.md in one run, each checked before it is timed.
//
//   build/release/ladder [--markdown docs/kernels.md] [--runs N]
#include "command.hpp"
#include "cuda/devices.hpp"
#include "help_formatter.hpp"
#include "ladder/calls.hpp"
#include "ladder/measure.hpp"
#include "ladder/rungs.hpp"
#include "ladder/table.hpp"
#include "ladder/tensor_cores.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "program.hpp"
#include "terminal.hpp"
#include "verify/comparison.hpp"
#include "verify/tolerance.hpp"

#include <cstdint>
#include <ctime>
#include <random>

#include <resnet/session.hpp>

namespace resnet::ladder {
namespace {

constexpr int kSide = 224, kClasses = 1000;
constexpr std::uint64_t kSeed = 1;
constexpr int kDepths[] = {18, 50};
constexpr int kBatches[] = {1, 8, 64}, kMost = 64;
constexpr int kKindRuns = 9;
const std::vector<std::string> kKindNames{"columns", "products", "transforms", "BatchNorm, add, ReLU",
                                          "pools, head"};
constexpr int kCheckedBatch = 3;  // odd, and no multiple of any tile

struct Arguments {
  std::string markdown;
  int runs = 50;
};

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

// One model through every rung.
class Climb {
 public:
  Climb(int depth, const Gpu& gpu, int runs)
      : model_(make_random_model(depth, kClasses, kSeed)),
        gpu_(gpu),
        runs_(runs),
        input_(noise(shape_of(kMost).numel())) {
    SessionOptions options;
    options.device = "cpu";
    options.backend = "reference";
    options.precision = Precision::fp32;
    options.max_batch = kCheckedBatch;
    options.height = options.width = kSide;
    const Session session(model_, options);
    expected_.resize(std::size_t{kCheckedBatch} * kClasses);
    session.run(input(kCheckedBatch), shape_of(kCheckedBatch), expected_);
  }

  std::string name() const { return fmt::format("ResNet-{}", model_.architecture.depth()); }
  bool failed() const { return failed_; }

  // Milliseconds of a rung at each of kBatches, and at the last of them by Kind.
  struct RungTimes {
    std::vector<Cell> batches;
    std::vector<std::optional<Cell>> kinds;  // empty: nothing of that kind
  };
  // Empty where its logits are wrong.
  std::optional<RungTimes> time_rung(const Rung& rung) {
    const Weights weights(model_, rung.kernels);
    if (!check(rung.name, logits_of(weights))) return std::nullopt;
    RungTimes times;
    const cuda::Stream stream;
    for (const int batch : kBatches) {
      const Network network(weights, shape_of(batch), gpu_);
      cuda::copy_bytes(network.input(), input_.data(), network.input_bytes(), stream.get());
      times.batches.push_back({device_ms(runs_, stream.get(), [&](cudaStream_t s) { network.launch(s); }),
                               network.predicted_ms()});
      if (batch == kMost) times.kinds = time_kinds(network, stream.get());
    }
    return times;
  }

  CallTimes time_ways_to_call(int batch, double compute_ms) const {
    const Weights weights(model_, kRungs.back().kernels);
    return time_calls(weights, shape_of(batch), input(batch), gpu_, compute_ms, runs_);
  }

  // The backend `cuda`: one by one and as a graph.
  std::optional<TensorCoreTimes> time_tensor_cores_at(int batch) {
    const TensorCoreLogits logits = tensor_core_logits(model_, shape_of(kCheckedBatch), input(kCheckedBatch));
    const bool steps = check("tensor cores", logits.steps), graph = check("graph", logits.graph);
    if (!steps || !graph) return std::nullopt;
    return time_tensor_cores(model_, shape_of(batch), input(batch), gpu_, runs_);
  }

 private:
  std::span<const float> input(int batch) const {
    return std::span(input_).first(static_cast<std::size_t>(shape_of(batch).numel()));
  }

  std::vector<float> logits_of(const Weights& weights) const {
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
  std::vector<std::optional<Cell>> time_kinds(const Network& network, cudaStream_t stream) const {
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

  // Against the reference backend, within the contract.
  bool check(const char* rung, const std::vector<float>& logits) {
    const verify::Tolerance tolerance = verify::tolerance({});
    const verify::Difference d = verify::difference(std::span<const float>(logits), expected_);
    const bool right =
        d.not_finite == 0 && d.max_abs_rel() <= tolerance.max_abs_rel && d.cosine >= tolerance.min_cosine;
    cli::hint("{}, {}: {:.1e} of the largest logit from the reference{}", name(), rung, d.max_abs_rel(),
              right ? "" : ": WRONG");
    failed_ = failed_ || !right;
    return right;
  }

  Model model_;
  Gpu gpu_;
  int runs_;
  std::vector<float> input_, expected_;
  bool failed_ = false;
};

// "One NVIDIA H200 (driver 580.65.06), 2026-11-21, medians; `build/release/ladder --markdown
// docs/kernels.md`."
std::string caption(const Arguments& arguments) {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  const cli::GpuReport report = cli::find_gpus();
  return fmt::format(
      "One {}, driver {}, CUDA {}, {:04}-{:02}-{:02}, fp32, {} x {}, medians of up to {} runs: "
      "`build/release/ladder --markdown docs/kernels.md`.\n",
      cuda::require_device(cuda::devices(), 0).name,
      report.kernel_driver.empty() ? "unknown" : report.kernel_driver, report.library, day.tm_year + 1900,
      day.tm_mon + 1, day.tm_mday, kSide, kSide, arguments.runs);
}

int run(const Arguments& arguments) {
  const bool tensor_cores = !cuda::require_device(cuda::devices(), 0).families.empty();
  const Gpu gpu = Gpu::of_device(0);
  cli::hint("foretold for {} multiprocessors at {:.2f} GHz and {:.2f} TB/s", gpu.multiprocessors,
            gpu.hertz * 1e-9, gpu.bytes_per_second * 1e-12);

  Table kernels{
      .title = "Milliseconds of a run by the GPU's clock, values in its memory:", .columns = {}, .rows = {}};
  Table batches{.title = "Milliseconds a photo of the rung \"fusion\":", .columns = {}, .rows = {}};
  Table calls{
      .title = "Milliseconds of a whole call of the rung \"fusion\", from the host's memory to logits there:",
      .columns = {},
      .rows = {}};
  for (const Rung& rung : kRungs) kernels.rows.push_back({rung.name, rung.idea, {}});
  if (tensor_cores) {
    kernels.rows.push_back(
        {"tensor cores", "fp32 as two fp16 values, NHWC, stem with pool: the kernels of `cuda`", {}});
    kernels.rows.push_back({"graph", "all of them launched at once: the backend `cuda`", {}});
  }
  for (const int batch : kBatches)
    batches.rows.push_back({fmt::format("batch {}", batch), batch == 1 ? "one photo" : "together", {}});

  bool failed = false;
  std::string memory, parts;
  for (const int depth : kDepths) {
    Climb climb(depth, gpu, arguments.runs);
    Table kinds{
        .title = fmt::format("Where {}'s milliseconds go at batch {}, and in brackets where they were "
                             "foretold to go:",
                             climb.name(), kMost),
        .columns = kKindNames,
        .rows = {}};
    std::vector<std::optional<Climb::RungTimes>> times;
    for (const Rung& rung : kRungs) {
      times.push_back(climb.time_rung(rung));
      if (times.back()) kinds.rows.push_back({rung.name, "", times.back()->kinds});
    }
    parts += '\n' + markdown_parts(kinds);

    batches.columns.push_back(climb.name());
    const auto& fused = times.back();
    for (std::size_t b = 0; b < std::size(kBatches); ++b) {
      const int batch = kBatches[b];
      batches.rows[b].cells.push_back(
          fused ? std::optional(Cell{fused->batches[b].ms / batch, fused->batches[b].predicted_ms / batch})
                : std::nullopt);
      if (batch != 1 && batch != kMost) continue;  // the other tables
      const std::string column = fmt::format("{} x{}", climb.name(), batch);
      kernels.columns.push_back(column);
      for (std::size_t r = 0; r < times.size(); ++r)
        kernels.rows[r].cells.push_back(times[r] ? std::optional(times[r]->batches[b]) : std::nullopt);
      if (tensor_cores) {
        const auto tensor = climb.time_tensor_cores_at(batch);
        kernels.rows[times.size()].cells.push_back(
            tensor ? std::optional(Cell{tensor->steps_ms, tensor->predicted_steps_ms}) : std::nullopt);
        kernels.rows[times.size() + 1].cells.push_back(
            tensor ? std::optional(Cell{tensor->graph_ms, tensor->predicted_graph_ms}) : std::nullopt);
      }
      if (!fused) continue;
      const CallTimes ways = climb.time_ways_to_call(batch, fused->batches[b].ms);
      calls.columns.push_back(column);
      for (std::size_t i = 0; i < ways.times.size(); ++i) {
        const CallTime& way = ways.times[i];
        if (calls.rows.size() == i) calls.rows.push_back({way.name, way.idea, {}});
        calls.rows[i].cells.push_back(Cell{way.ms, way.predicted_ms});
      }
      memory += fmt::format("{}{} {:.0f} MB with a buffer for every layer, {:.0f} MB reused",
                            memory.empty() ? "" : "; ", column, static_cast<double>(ways.own_bytes) * 1e-6,
                            static_cast<double>(ways.reused_bytes) * 1e-6);
    }
    failed = failed || climb.failed();
  }

  const std::string text =
      fmt::format("{}\n{}{}\n{}\n{}\nDevice memory: {}.\n", caption(arguments), markdown_gains(kernels),
                  parts, markdown_gains(batches), markdown_gains(calls), memory);
  cli::print("{}", text);
  if (!arguments.markdown.empty() && !failed) write_between_marks(arguments.markdown, text);
  return failed ? cli::kSomeFailed : cli::kAllDone;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Times every rung of docs/kernels.md on GPU 0, each checked against the reference backend first",
      "ladder"};
  app.formatter(std::make_shared<cli::HelpFormatter>());
  app.footer(
      "Tables go to standard output, the rest to standard error.\n"
      "Exit status: 0 all done, 1 a rung's logits are wrong or there is no GPU, 2 wrong usage.\n");
  Arguments arguments;
  app.add_option("--markdown", arguments.markdown,
                 "Also write the tables into this file, between its lines <!-- ladder --> and\n"
                 "<!-- end of ladder -->, unless a rung is wrong");
  app.add_option("--runs", arguments.runs, "Runs of which the median is taken; fewer where they take long")
      ->check(CLI::Range(5, 1000000))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    cli::print("{}", app.help());
    return cli::kAllDone;
  } catch (const CLI::ParseError& error) {
    cli::report_error(error.what());
    return cli::kWrongUsage;
  }
  return run(arguments);
}

}  // namespace
}  // namespace resnet::ladder

int main(int argc, char** argv) {
  return resnet::cli::run_program("ladder", [&] { return resnet::ladder::parse_and_run(argc, argv); });
}
