// The ladder's tables, which need no GPU.
#include "ladder/table.hpp"
#include "support/temporary_directory.hpp"

#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

using ladder::Cell;
using ladder::Table;

TEST(LadderTable, AGainIsOverTheLastRowThatHasTheCell) {
  const Table table{.title = "Milliseconds:",
                    .columns = {"one", "many"},
                    .rows = {{"first", "idea", {Cell{40, 20}, Cell{1.5, 1}}},
                             {"second", "better", {Cell{10, 10}, std::nullopt}},
                             {"third", "best", {Cell{0.5, 1}, Cell{0.75, 0.25}}}}};
  EXPECT_EQ(markdown_gains(table),
            "Milliseconds:\n\n"
            "| rung | idea | one | many |\n"
            "|---|---|---|---|\n"
            "| first | idea | 40.0 (20.0) | 1.50 (1.00) |\n"
            "| second | better | 10.0, x4.00 (x2.00) | failed |\n"
            "| third | best | 0.500, x20.00 (x10.00) | 0.750, x2.00 (x4.00) |\n");
}

TEST(LadderTable, APartThatARungDoesNotHaveStaysEmpty) {
  const Table table{.title = "Where they go:",
                    .columns = {"products", "columns"},
                    .rows = {{"rung", "", {Cell{123.4, 99.96}, std::nullopt}}}};
  EXPECT_EQ(markdown_parts(table),
            "Where they go:\n\n"
            "| rung | products | columns |\n"
            "|---|---|---|\n"
            "| rung | 123 (100.0) | |\n");
}

TEST(LadderTable, WritesBetweenTheMarksAndNowhereElse) {
  const test::TemporaryDirectory directory;
  const auto path =
      directory.write("page.md", "before\n<!-- ladder -->\nold\n<!-- end of ladder -->\nafter\n");
  ladder::write_between_marks(path, "new\n");
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
            "before\n<!-- ladder -->\nnew\n<!-- end of ladder -->\nafter\n");
  for (const char* text : {"", "<!-- ladder -->\n", "<!-- end of ladder -->\n<!-- ladder -->\n"}) {
    directory.write("page.md", text);
    EXPECT_THROW(ladder::write_between_marks(path, "new\n"), Error) << text;
  }
  EXPECT_THROW(ladder::write_between_marks(directory.path() / "none.md", "new\n"), Error);
}

}  // namespace
}  // namespace resnet
