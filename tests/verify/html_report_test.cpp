#include "verify/html_report.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace resnet::verify {
namespace {

Report report() {
  Report r;
  r.model = "resnet18";
  r.subject = "cpu/avx2, fp32";
  r.reference = "a<b>&\"c\"";
  r.reference_maker = "PyTorch 1.13";
  for (int m = 0; m < 3; ++m) {
    const std::vector<float> expected{1.0f, 2.0f};
    const std::vector<float> ours{1.0f, m == 2 ? std::nanf("") : 2.0f + 1e-6f * static_cast<float>(m)};
    CheckpointResult c = judge(fmt::format("m{}", m), {1, 2}, ours, expected, tolerance({}));
    c.ms = m;
    if (m == 1) c.ours_from_float64 = 1e-8, c.reference_from_float64 = 2e-7;
    r.results.push_back(c);
  }
  return r;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(HtmlReport, IsOneSelfContainedPage) {
  const std::string page = html_report(report());
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  for (const char* foreign : {"http://", "https://", "src=", "<script", "<link", "url("}) {
    EXPECT_EQ(count(page, foreign), 0u) << foreign;
  }
  EXPECT_EQ(count(page, "<svg"), count(page, "</svg>"));
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(page.find("name=\"viewport\""), std::string::npos);
}

TEST(HtmlReport, TextFromOutsideIsEscaped) {
  const std::string page = html_report(report());
  EXPECT_NE(page.find("a&lt;b&gt;&amp;&quot;c&quot;"), std::string::npos);
  EXPECT_EQ(page.find("a<b>"), std::string::npos);
}

TEST(HtmlReport, TellsWhatFailed) {
  Report r = report();
  EXPECT_NE(html_report(r).find("first wrong: m2"), std::string::npos);
  EXPECT_EQ(count(html_report(r), "<path class=\"wrong\" d=\"M-5"), 1u);
  r.results.pop_back();
  EXPECT_NE(html_report(r).find("2 of 2 within tolerance"), std::string::npos);
}

TEST(HtmlReport, CoordinatesAreNumbers) {
  const std::string page = html_report(report());
  // NaN or infinity in an SVG attribute would drop the whole element.
  EXPECT_EQ(count(page, "\"nan"), 0u);
  EXPECT_EQ(count(page, "\"inf"), 0u);
}

}  // namespace
}  // namespace resnet::verify
