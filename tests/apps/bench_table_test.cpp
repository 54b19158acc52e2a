#include "bench_table.hpp"

#include <iterator>
#include <sstream>
#include <utility>

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
  const Roofs roofs{{Precision::fp32, 100}, {Precision::int8, 400}};
  const std::string table = layer_table(m, roofs);
  EXPECT_EQ(cells(table, "conv1").back(), "50");
  EXPECT_EQ(cells(table, "layer1.0.conv1").back(), "50");
  EXPECT_EQ(cells(table, "maxpool").size(), 4U);
  // 100 operations at 100 and 200 at 400 take 1.5 where all goes as fast as it can: 300 in 1.5.
  EXPECT_DOUBLE_EQ(network_roof(m, roofs), 200);
  EXPECT_EQ(network_roof(m, {}), 0);
}

TEST(BenchTable, WithoutRoofsThereIsNoColumnOfThem) {
  const std::string table = layer_table(of_layers({{"conv1", "direct", Precision::fp32, 2, 50}}), {});
  EXPECT_EQ(table.find("roof"), std::string::npos);
  EXPECT_EQ(cells(table, "conv1").back(), "50.0");
}

TEST(BenchTable, SaysWhatIsOverTheRoofOnlyWhereAWinogradLayerIs) {
  const auto table = [](const char* kernel, double gflops) {
    return layer_table(of_layers({{"conv1", kernel, Precision::fp32, 1, gflops}}), {{Precision::fp32, 100}});
  };
  const std::string note = "Over 100 % of the roof";
  EXPECT_NE(table("winograd_f4x4", 230).find(note), std::string::npos);
  EXPECT_EQ(table("winograd_f4x4", 100.4).find(note), std::string::npos);  // shown as 100
  EXPECT_EQ(table("direct_1x1", 103).find(note), std::string::npos);
}

}  // namespace
}  // namespace resnet::cli
