#include "bench_table.hpp"

#include "cpu/isa.hpp"
#include "cpu/roofline.hpp"
#include "text.hpp"

#include <vector>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

double percent_of_roof(const LayerTime& layer, const Roofs& roofs) {
  return layer.gflops / roofs.at(layer.precision) * 100;
}

bool is_winograd(const LayerTime& layer) {
  return layer.kernel.find("winograd") != std::string::npos;
}

}  // namespace

Roofs measure_roofs(const Session& session, const Measurement& measurement) {
  Roofs roofs;
  if (session.isa().empty()) return roofs;  // the reference backend has no instruction set
  const bool int8 = session.options().precision == Precision::int8;
  for (const LayerTime& layer : measurement.layers) {
    if (layer.gflops <= 0 || roofs.contains(layer.precision)) continue;
    const bool kept = int8 && layer.precision == Precision::fp32;
    roofs[layer.precision] = cpu::measure_roof(
        layer.precision, kept ? cpu::fp32_isa_of(session.isa()) : session.isa(), session.threads());
  }
  return roofs;
}

double network_roof(const Measurement& measurement, const Roofs& roofs) {
  if (roofs.empty()) return 0;
  double operations = 0, least_time = 0;  // in millions and milliseconds
  for (const LayerTime& layer : measurement.layers) {
    if (layer.gflops <= 0) continue;
    operations += layer.gflops * layer.ms;
    least_time += layer.gflops * layer.ms / roofs.at(layer.precision);
  }
  return least_time > 0 ? operations / least_time : 0;
}

std::string layer_table(const Measurement& measurement, const Roofs& roofs) {
  std::vector<std::vector<std::string>> rows{{"module", "kernel", "ms", "% time", "GFLOP/s"}};
  if (!roofs.empty()) rows.front().emplace_back("% roof");
  double total = 0;
  bool over = false;
  for (const LayerTime& layer : measurement.layers) total += layer.ms;
  for (const LayerTime& layer : measurement.layers) {
    std::vector<std::string> row{layer.layer, layer.kernel, fmt::format("{:.3f}", layer.ms),
                                 fmt::format("{:.1f}", total > 0 ? layer.ms / total * 100 : 0)};
    if (layer.gflops > 0) {
      row.push_back(fmt::format("{:.1f}", layer.gflops));
      if (!roofs.empty()) {
        const std::string percent = fmt::format("{:.0f}", percent_of_roof(layer, roofs));
        over = over || (is_winograd(layer) && std::stoi(percent) > 100);
        row.push_back(percent);
      }
    }
    rows.push_back(std::move(row));
  }
  rows.push_back({"sum", "", fmt::format("{:.3f}", total)});
  std::string text = align_columns(rows, {2, 3, 4, 5});
  if (over) {
    text +=
        "\nOver 100 % of the roof: GFLOP/s counts the operations of the direct algorithm,\n"
        "and Winograd does the same work with fewer.\n";
  }
  return text;
}

}  // namespace resnet::cli
