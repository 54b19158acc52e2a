#include "output/html_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace resnet {
namespace {

TEST(HtmlEscape, MarkupBecomesText) {
  EXPECT_EQ(html_escape("<script>alert('x' & \"y\")</script>.jpg"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;.jpg");
}

TEST(HtmlEscape, Utf8StaysAndEverythingElseIsReplaced) {
  EXPECT_EQ(html_escape("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\x88"), "\xc3\xa9\xe6\x97\xa5\xf0\x9f\x90\x88");
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(html_escape("caf\xe9.jpg"), "caf" + bad + ".jpg");
  EXPECT_EQ(html_escape("\xc0\xaf"), bad + bad);                      // overlong "/"
  EXPECT_EQ(html_escape("\xed\xa0\x80"), bad + bad + bad);            // half a surrogate pair
  EXPECT_EQ(html_escape("\xf4\x90\x80\x80"), bad + bad + bad + bad);  // beyond Unicode
  EXPECT_EQ(html_escape("\xe6\x97"), bad + bad);                      // cut off
  EXPECT_EQ(html_escape(std::string("a\nb\0c\x7f", 6)), "a" + bad + "b" + bad + "c" + bad);
  EXPECT_EQ(html_escape("\xc2\x85"), bad);  // C1 control
}

TEST(HtmlLink, NamesStayNames) {
  EXPECT_EQ(html_link("a/b/c d.jpg", "a"), "b/c%20d.jpg");
  EXPECT_EQ(html_link("x.jpg", "."), "x.jpg");
  EXPECT_EQ(html_link("x.jpg", "out/pages"), "../../x.jpg");
  EXPECT_EQ(html_link("javascript:alert(1)", "."), "javascript%3Aalert%281%29");
  EXPECT_EQ(html_link("\"><img src=x onerror=y>.jpg", "."), "%22%3E%3Cimg%20src%3Dx%20onerror%3Dy%3E.jpg");
  EXPECT_EQ(html_link("caf\xe9?#%.jpg", "."), "caf%E9%3F%23%25.jpg");
  EXPECT_EQ(html_link("/p/x.jpg", "/p/"), "x.jpg");
}

TEST(Base64, MatchesTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace resnet
