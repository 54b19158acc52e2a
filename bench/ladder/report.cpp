#include "ladder/report.hpp"

#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnet::ladder {
namespace {

const std::vector<std::string> kKindNames{"columns", "products", "transforms", "BatchNorm, add, ReLU",
                                          "pools, head"};

std::string column_of(const Climb& climb, std::size_t b) {
  return fmt::format("{} x{}", climb.name(), kBatches[b]);
}

std::optional<Cell> a_photo(const std::optional<Climb::RungTimes>& times, std::size_t b) {
  if (!times) return std::nullopt;
  const Cell& all = times->batches[b];
  return Cell{all.ms / kBatches[b], all.predicted_ms / kBatches[b]};
}

}  // namespace

Report::Report(bool tensor_cores) : tensor_cores_(tensor_cores) {
  kernels_.title = "Milliseconds of a run by the GPU's clock, values in its memory:";
  batches_.title = "Milliseconds a photo, with the kernels of \"fusion\":";
  calls_.title =
      "Milliseconds of a whole call from the host's memory to logits there, with the same kernels:";
  for (const Rung& rung : kRungs) kernels_.rows.push_back({rung.name, rung.idea, {}});
  if (tensor_cores) {
    kernels_.rows.push_back({"tensor cores", "fp32 as two fp16 values, NHWC: the kernels of `cuda`", {}});
    kernels_.rows.push_back({"graph", "all of them launched at once: the backend `cuda`", {}});
  }
  for (const int batch : kBatches) batches_.rows.push_back({fmt::format("batch {}", batch), "", {}});
  batches_.rows.front().idea = "one photo at a time";
  batches_.rows[1].idea = "eight together";
  batches_.rows.back().idea = "sixty-four";
}

void Report::add(Climb& climb) {
  Times times;
  Table& kinds = kinds_.emplace_back();
  kinds.title = fmt::format(
      "Where {}'s milliseconds go at batch {}, and in brackets where they were foretold to:", climb.name(),
      kMost);
  kinds.columns = kKindNames;
  for (const Rung& rung : kRungs) {
    times.push_back(climb.time_rung(rung));
    if (times.back()) kinds.rows.push_back({rung.name, "", times.back()->kinds});
  }
  batches_.columns.push_back(climb.name());
  for (std::size_t b = 0; b < std::size(kBatches); ++b) {
    batches_.rows[b].cells.push_back(a_photo(times.back(), b));
    if (kBatches[b] != 1 && kBatches[b] != kMost) continue;
    add_kernels(climb, times, b);
    if (times.back()) add_calls(climb, times.back()->batches[b], b);
  }
}

void Report::add_kernels(Climb& climb, const Times& times, std::size_t b) {
  kernels_.columns.push_back(column_of(climb, b));
  for (std::size_t r = 0; r < times.size(); ++r)
    kernels_.rows[r].cells.push_back(times[r] ? std::optional(times[r]->batches[b]) : std::nullopt);
  if (!tensor_cores_) return;
  std::optional<Cell> steps, graph;
  if (const auto tensor = climb.time_tensor_cores(kBatches[b])) {
    steps = Cell{tensor->steps_ms, tensor->predicted_steps_ms};
    graph = Cell{tensor->graph_ms, tensor->predicted_graph_ms};
  }
  kernels_.rows[times.size()].cells.push_back(steps);
  kernels_.rows[times.size() + 1].cells.push_back(graph);
}

void Report::add_calls(const Climb& climb, const Cell& fused, std::size_t b) {
  const CallTimes ways = climb.time_ways_to_call(kBatches[b], fused.ms);
  calls_.columns.push_back(column_of(climb, b));
  for (std::size_t i = 0; i < ways.times.size(); ++i) {
    const CallTime& way = ways.times[i];
    if (calls_.rows.size() == i) calls_.rows.push_back({way.name, way.idea, {}});
    calls_.rows[i].cells.push_back(Cell{way.ms, way.predicted_ms});
  }
  memory_.push_back(fmt::format("{} {:.0f} MB with a buffer for every layer, {:.0f} MB reused",
                                column_of(climb, b), static_cast<double>(ways.own_bytes) * 1e-6,
                                static_cast<double>(ways.reused_bytes) * 1e-6));
}

std::string Report::markdown() const {
  std::string text = markdown_gains(kernels_) + '\n';
  for (const Table& kinds : kinds_) text += markdown_parts(kinds) + '\n';
  text += markdown_gains(batches_) + '\n' + markdown_gains(calls_) +
          fmt::format("\nDevice memory: {}.\n", fmt::join(memory_, "; ")) +
          "\nMicroseconds from one layer to the next, where layers only hand a number on:\n\n| way | µs "
          "|\n|---|---|\n";
  for (const Boundary& b : boundaries_) text += fmt::format("| {} | {:.2f} |\n", b.way, b.us);
  return text;
}

}  // namespace resnet::ladder
