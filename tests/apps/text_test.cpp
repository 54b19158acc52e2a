#include "text.hpp"

#include <gtest/gtest.h>

namespace resnet::cli {
namespace {

TEST(Text, Utf8) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x88 \xEF\xBF\xBF \xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\xFF", "\x80", "a\xC3", "\xC0\xAF" /* overlong */, "\xE0\x9F\xBF" /* overlong */,
                          "\xED\xA0\x80" /* surrogate */, "\xF4\x90\x80\x80" /* past U+10FFFF */,
                          "\xF0\x8F\xBF\xBF" /* overlong */, "\xE2\x82", "\xF0\x9F\x90", "\xE2\x28\xA1"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(Text, Grouped) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(grouped(-1000), "-1,000");
}

TEST(Text, HumanBytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.0 kB");
  EXPECT_EQ(human_bytes(46'827'520), "46.8 MB");
  EXPECT_EQ(human_bytes(999'999), "1.0 MB");  // not "1000.0 kB"
  EXPECT_EQ(human_bytes(3'000'000'000'000'000), "3000.0 TB");
}

TEST(Text, CsvQuotesOnlyWhereNeeded) {
  EXPECT_EQ(csv_line({"a", "", "b c"}), "a,,b c\n");
  EXPECT_EQ(csv_field("tabby, tabby cat"), "\"tabby, tabby cat\"");
  EXPECT_EQ(csv_field("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field("\xFF.jpg"), "\xFF.jpg");
}

TEST(Text, AlignsColumnsByCharacters) {
  EXPECT_EQ(align_columns({{"a", "1"}, {"\xC3\xA9\xC3\xA9", "10"}}, {1}), "a    1\n\xC3\xA9\xC3\xA9  10\n");
  EXPECT_EQ(align_columns({{"x"}, {"long", "y"}}), "x\nlong  y\n");
  EXPECT_EQ(align_columns({}), "");
}

TEST(Text, WrapsAtBlanks) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("unbreakable", 4), (std::vector<std::string>{"unbreakable"}));
  EXPECT_EQ(wrap("a\n\nb", 9), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(wrap("", 9), (std::vector<std::string>{""}));
}

}  // namespace
}  // namespace resnet::cli
