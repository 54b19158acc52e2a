#include "output/report_page.hpp"

#include <string>

#include <gtest/gtest.h>

namespace resnet::report {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ReportPage, TextIsEscapedAndTheBodyIsNot) {
  const std::string html = page({.title = "a<b", .facts = {{"<i>", "\"x\""}}, .body = "<p>body</p>"});
  EXPECT_TRUE(contains(html, "<title>a&lt;b</title>") && contains(html, "<h1>a&lt;b</h1>"));
  EXPECT_TRUE(contains(html, "<dt>&lt;i&gt;</dt><dd>&quot;x&quot;</dd>"));
  EXPECT_TRUE(contains(html, "<p>body</p>"));
  EXPECT_FALSE(contains(html, "refresh"));
  EXPECT_TRUE(contains(page({.title = "t", .facts = {}, .body = {}, .refresh_seconds = 30}),
                       "<meta http-equiv=\"refresh\" content=\"30\">"));
}

TEST(ReportPage, CellsCarryWhatTheySortBy) {
  EXPECT_EQ(number_cell(0.125, "12.5 %"), "<td data-v=\"0.125\">12.5 %</td>");
  EXPECT_EQ(text_cell("<b>"), "<td class=\"text\" data-v=\"&lt;b&gt;\">&lt;b&gt;</td>");
  EXPECT_TRUE(contains(bar_cell(0.5), "data-v=\"0.5\" style=\"--v:0.5000\">50.0<"));
  const std::string table = table_panel("T", {"name", "<span>plain</span>"}, "<tr></tr>", "Find \"it\"");
  EXPECT_TRUE(contains(table, "<th class=\"text\"><button>name</button></th><th><span>plain</span></th>"));
  EXPECT_TRUE(contains(table, "placeholder=\"Find &quot;it&quot;\""));
}

}  // namespace
}  // namespace resnet::report
