#include "quant/html_report.hpp"

#include <gtest/gtest.h>

namespace resnet::quant {
namespace {

std::vector<LayerReport> layers() {
  return {{.layer = "conv1",
           .weight_sqnr_db = 41.25,
           .output_sqnr_db = 38.5,
           .output_limit = 2,
           .largest = 4,
           .range = "mse",
           .weights = 9408,
           .weight_bits = 8},
          {.layer = "avgpool", .output_sqnr_db = 44.0, .output_limit = 1, .largest = 1, .range = "minmax"},
          {.layer = "fc", .weight_sqnr_db = 42.0, .weights = 2000, .weight_bits = 8},
          // A dead channel everywhere: nothing was seen, and nothing is lost.
          {.layer = "dead",
           .output_limit = 1e-6,
           .largest = 0,
           .range = "minmax",
           .weights = 1000,
           .weight_bits = 4}};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(QuantizationReport, IsOneSelfContainedPage) {
  const std::string page = html_report(layers(), {"resnet18 in int8", {{"photos", "128"}}});
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  for (const char* foreign : {"http://", "https://", "src=", "<script", "<link", "url("})
    EXPECT_EQ(count(page, foreign), 0u) << foreign;
  EXPECT_EQ(count(page, "<svg"), count(page, "</svg>"));
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(page.find("name=\"viewport\""), std::string::npos);
  // NaN or infinity in an SVG attribute would drop the whole element.
  EXPECT_EQ(count(page, "\"nan"), 0u);
  EXPECT_EQ(count(page, "\"inf"), 0u);
}

TEST(QuantizationReport, DrawsWhatALayerHas) {
  const std::string page = html_report(layers(), {});
  EXPECT_EQ(count(page, "<rect class=\"weights\""), 2u);
  EXPECT_EQ(count(page, "<rect class=\"output\""), 2u);
  EXPECT_EQ(count(page, "<rect class=\"range\""), 3u);
  EXPECT_NE(page.find("conv1, weights: 41.2 dB"), std::string::npos);
  EXPECT_NE(page.find("<rect class=\"range\" width=\"26.00%\""), std::string::npos);  // half of its 52 %
  EXPECT_NE(page.find("<td>8</td><td>37.6</td><td>9.4</td>"), std::string::npos);
  EXPECT_NE(page.find("<td>4</td><td>4.0</td><td>0.5</td>"), std::string::npos);
  EXPECT_NE(page.find("<td>49.6</td><td>11.9</td>"), std::string::npos);
}

TEST(QuantizationReport, TextFromOutsideIsEscaped) {
  const std::string page = html_report(layers(), {"a<b>", {{"photos", "x&\"y\""}}});
  EXPECT_EQ(page.find("a<b>"), std::string::npos);
  EXPECT_NE(page.find("x&amp;&quot;y&quot;"), std::string::npos);
}

}  // namespace
}  // namespace resnet::quant
