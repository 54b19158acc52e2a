#include "bench_table.hpp"

#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace resnet::cli {
namespace {

Measurement of_layers(std::vector<LayerTime> layers) {
  Measurement m;
  m.layers = std::move(layers);
  return m;
}

// The cells of the line that begins with `module`.
std::vector<std::string> cells(const std::string& table, const std::string& module) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
    if (!found.empty() && found.front() == module) return found;
  }
  return {};
}

TEST(BenchTable, EveryLayerIsHeldToTheRoofOfItsPrecision) {
  const Measurement m = of_layers({{"conv1", "direct_1x1", Precision::fp32, 2, 50},
                                   {"layer1.0.conv1", "int8_1x1", Precision::int8, 1, 200},
                                   {"maxpool", "max_pool", Precision::int8, 0.5, 0}});
  const Roofs roofs{.gflops = {{Precision::fp32, 100}, {Precision::int8, 400}}};
  const std::string table = layer_table(m, roofs);
  EXPECT_EQ(cells(table, "conv1").back(), "50");
  EXPECT_EQ(cells(table, "layer1.0.conv1").back(), "50");
  EXPECT_EQ(cells(table, "maxpool").size(), 4U);
  // 100 operations at 100 and 200 at 400 take 1.5 where all goes as fast as it can: 300 in 1.5.
  EXPECT_DOUBLE_EQ(network_roof(m, roofs), 200);
  EXPECT_EQ(network_roof(m, {}), 0);
}

TEST(BenchTable, OnAGpuTheLongerOfComputingAndMovingIsTheRoof) {
  const Roofs roofs{.gflops = {{Precision::fp16, 1000}}, .gb_per_s = 100};
  const LayerTime computing{"conv1", "wgmma", Precision::fp16, 0.5, 800, 10'000'000};
  const LayerTime moving{"layer1.0.conv1", "wgmma", Precision::fp16, 0.5, 100, 20'000'000};
  const LayerTime pool{"maxpool", "max_pool", Precision::fp16, 0.25, 0, 5'000'000};
  EXPECT_DOUBLE_EQ(least_ms(computing, roofs), 0.4);
  EXPECT_DOUBLE_EQ(least_ms(moving, roofs), 0.2);
  EXPECT_DOUBLE_EQ(least_ms(pool, roofs), 0.05);
  const Measurement m = of_layers({computing, moving, pool});
  EXPECT_DOUBLE_EQ(network_least_ms(m, roofs), 0.65);
  EXPECT_DOUBLE_EQ(network_roof(m, roofs), 450 / 0.65);
  const std::string table = layer_table(m, roofs);
  using Cells = std::vector<std::string>;
  EXPECT_EQ(cells(table, "conv1"), (Cells{"conv1", "wgmma", "0.5000", "40.0", "800.0", "20", "80"}));
  EXPECT_EQ(cells(table, "maxpool"), (Cells{"maxpool", "max_pool", "0.2500", "20.0", "20", "20"}));
}

TEST(BenchTable, WithoutRoofsThereIsNoColumnOfThem) {
  const std::string table = layer_table(of_layers({{"conv1", "direct", Precision::fp32, 2, 50}}), {});
  EXPECT_EQ(table.find("roof"), std::string::npos);
  EXPECT_EQ(cells(table, "conv1").back(), "50.0");
}

TEST(BenchTable, SaysWhatIsOverTheRoofOnlyWhereAWinogradLayerIs) {
  const auto table = [](const char* kernel, double gflops) {
    return layer_table(of_layers({{"conv1", kernel, Precision::fp32, 1, gflops}}),
                       Roofs{.gflops = {{Precision::fp32, 100}}});
  };
  const std::string note = "Over 100 % of the roof";
  EXPECT_NE(table("winograd_f4x4", 230).find(note), std::string::npos);
  EXPECT_EQ(table("winograd_f4x4", 100.4).find(note), std::string::npos);  // shown as 100
  EXPECT_EQ(table("direct_1x1", 103).find(note), std::string::npos);
}

}  // namespace
}  // namespace resnet::cli
