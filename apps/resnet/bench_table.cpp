#include "bench_table.hpp"

#include "cpu/isa.hpp"
#include "cpu/roofline.hpp"
#include "cuda/roofline.hpp"
#include "session/device_name.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

double percent_of_roof(const LayerTime& layer, const Roofs& roofs) {
  return least_ms(layer, roofs) / layer.ms * 100;
}

bool is_winograd(const LayerTime& layer) {
  return layer.kernel.find("winograd") != std::string::npos;
}

double gb_per_s(const LayerTime& layer) {
  return static_cast<double>(layer.bytes) / layer.ms * 1e-6;
}

// A kernel's line. Cells of what is not known stay empty.
std::vector<std::string> row_of(const LayerTime& layer, const Roofs& roofs, double total) {
  const bool memory = roofs.gb_per_s > 0;
  std::vector<std::string> row{layer.layer, layer.kernel, fmt::format("{:.{}f}", layer.ms, memory ? 4 : 3),
                               fmt::format("{:.1f}", total > 0 ? layer.ms / total * 100 : 0)};
  if (layer.gflops > 0 || memory) row.push_back(layer.gflops > 0 ? fmt::format("{:.1f}", layer.gflops) : "");
  if (memory) row.push_back(layer.bytes > 0 ? fmt::format("{:.0f}", gb_per_s(layer)) : "");
  if (least_ms(layer, roofs) > 0) row.push_back(fmt::format("{:.0f}", percent_of_roof(layer, roofs)));
  return row;
}

std::string note_on(const Measurement& measurement, const Roofs& roofs) {
  if (roofs.gb_per_s > 0) {
    return "\nEach kernel by itself, with its start; in a run they overlap, and their sum is more than it "
           "takes.\n"
           "Over 100 % of the roof: what a kernel reads was still in the cache.\n";
  }
  const bool over = roofs.known() && std::ranges::any_of(measurement.layers, [&](const LayerTime& layer) {
                      return is_winograd(layer) && std::lround(percent_of_roof(layer, roofs)) > 100;
                    });
  return over ? "\nOver 100 % of the roof: GFLOP/s counts the operations of the direct algorithm,\n"
                "and Winograd does the same work with fewer.\n"
              : "";
}

}  // namespace

Roofs measure_roofs(const Session& session, const Measurement& measurement) {
  Roofs roofs;
  const DeviceName device = parse_device(session.options().device);
  const bool int8 = session.options().precision == Precision::int8;
  for (const LayerTime& layer : measurement.layers) {
    if (layer.gflops <= 0 || roofs.gflops.contains(layer.precision)) continue;
    const bool kept = int8 && layer.precision == Precision::fp32;
    double gflops = 0;
    if (device.kind == "cuda") {
      gflops = cuda::unit_gflops(device.first(), session.isa(), layer.precision);
    } else if (!session.isa().empty()) {  // the reference backend has no instruction set
      gflops = cpu::measure_roof(layer.precision, kept ? cpu::fp32_isa_of(session.isa()) : session.isa(),
                                 session.threads());
    }
    if (gflops > 0) roofs.gflops[layer.precision] = gflops;
  }
  if (device.kind == "cuda" && roofs.known()) roofs.gb_per_s = cuda::measure_bandwidth(device.first());
  return roofs;
}

double least_ms(const LayerTime& layer, const Roofs& roofs) {
  const auto roof = roofs.gflops.find(layer.precision);
  const double computing = roof == roofs.gflops.end() ? 0 : layer.gflops * layer.ms / roof->second;
  const double moving = roofs.gb_per_s > 0 ? static_cast<double>(layer.bytes) / roofs.gb_per_s * 1e-6 : 0;
  return std::max(computing, moving);
}

double network_least_ms(const Measurement& measurement, const Roofs& roofs) {
  double sum = 0;
  for (const LayerTime& layer : measurement.layers) sum += least_ms(layer, roofs);
  return sum;
}

double network_roof(const Measurement& measurement, const Roofs& roofs) {
  double operations = 0;  // in millions
  for (const LayerTime& layer : measurement.layers) operations += layer.gflops * layer.ms;
  const double least = network_least_ms(measurement, roofs);
  return least > 0 ? operations / least : 0;
}

std::string layer_table(const Measurement& measurement, const Roofs& roofs) {
  std::vector<std::vector<std::string>> rows{{"module", "kernel", "ms", "% time", "GFLOP/s"}};
  if (roofs.gb_per_s > 0) rows.front().emplace_back("GB/s");
  if (roofs.known()) rows.front().emplace_back("% roof");
  double total = 0;
  for (const LayerTime& layer : measurement.layers) total += layer.ms;
  for (const LayerTime& layer : measurement.layers) rows.push_back(row_of(layer, roofs, total));
  rows.push_back({"sum", "", fmt::format("{:.3f}", total)});
  return align_columns(rows, {2, 3, 4, 5, 6}) + note_on(measurement, roofs);
}

}  // namespace resnet::cli
