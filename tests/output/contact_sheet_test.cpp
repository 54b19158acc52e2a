#include "output/contact_sheet.hpp"

#include "support/temporary_directory.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

namespace fs = std::filesystem;

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) ++n;
  return n;
}

TEST(ContactSheet, HoldsPhotosTagsAndFailures) {
  const test::TemporaryDirectory dir;
  const fs::path page = dir.path() / "out.html";
  ContactSheet sheet(page, "Holiday", "resnet50, 2 threads");
  const std::vector<SheetTag> tags = {{"tabby", 0.934f}, {"tiger cat", 0.004f}};
  sheet.add({.path = dir.path() / "a/cat 1.jpg",
             .width = 640,
             .height = 480,
             .thumbnail = "\xff\xd8",
             .tags = tags});
  sheet.add({.path = dir.path() / "b.jpg", .width = 1, .height = 1, .thumbnail = "", .tags = {}});
  sheet.add_failure("c.jpg", Error(ErrorCode::truncated, "c.jpg: ends early"));
  EXPECT_FALSE(fs::exists(page)) << "the page takes its name when it is complete";
  sheet.finish("Stopped early");
  const std::string html = test::read_text(page);
  EXPECT_EQ(count(html, "<figure>"), 2u);
  EXPECT_EQ(count(html, "</figure>"), 2u);
  EXPECT_NE(html.find("href=\"a/cat%201.jpg\""), std::string::npos);
  EXPECT_NE(html.find("src=\"data:image/jpeg;base64,/9g=\""), std::string::npos);
  EXPECT_NE(html.find("tabby<i>93</i>"), std::string::npos);
  EXPECT_NE(html.find("tiger cat<i>&lt;1</i>"), std::string::npos);
  EXPECT_NE(html.find("1 photo could not be read"), std::string::npos);
  EXPECT_NE(html.find("c.jpg: ends early"), std::string::npos);
  EXPECT_NE(html.find("2 photos, 1 failed. Stopped early"), std::string::npos);
  EXPECT_EQ(html.rfind("</html>\n"), html.size() - 8);
  EXPECT_EQ(count(html, "http://"), 0u) << "the page needs no network";
  EXPECT_EQ(count(html, "https://"), 0u);
}

TEST(ContactSheet, HostileNamesAreOnlyNames) {
  const test::TemporaryDirectory dir;
  const std::vector<std::string> names = {"<script>alert(1)</script>.jpg",
                                          "\" onmouseover=\"alert(1)\" x=\".jpg",
                                          "' onerror='alert(1).jpg",
                                          "--><img src=x onerror=alert(1)>.jpg",
                                          "&lt;b&gt;.jpg",
                                          "javascript:alert(1)",
                                          "caf\xe9\xff.jpg",
                                          "</title></style></main>.jpg",
                                          "\xe2\x80\xaegpj.exe.jpg",
                                          "{0}{}%s.jpg"};
  const fs::path page = dir.path() / "out.html";
  ContactSheet sheet(page, "</title><script>alert(2)</script>", "<b>\"'&");
  for (const std::string& name : names) {
    const std::vector<SheetTag> tags = {{name, 0.5f}};
    sheet.add({.path = fs::path("dir") / name, .width = 1, .height = 1, .thumbnail = "x", .tags = tags});
    sheet.add_failure(name, Error(ErrorCode::bad_format, name + ": </dl><script>alert(3)</script>"));
  }
  sheet.finish(names[0]);
  const std::string html = test::read_text(page);
  // The one script is ours, the elements are exactly ours, and no name has become markup.
  EXPECT_EQ(count(html, "<script"), 1u);
  EXPECT_EQ(count(html, "</script>"), 1u);
  EXPECT_EQ(count(html, "<img"), names.size());
  EXPECT_EQ(count(html, "</title>"), 1u);
  EXPECT_EQ(count(html, "</style>"), 1u);
  EXPECT_EQ(count(html, "</main>"), 1u);
  EXPECT_EQ(count(html, "</dl>"), 1u);
  EXPECT_EQ(count(html, "\" onmouseover"), 0u);
  EXPECT_EQ(count(html, "' onerror"), 0u);
  EXPECT_EQ(count(html, "href=\"javascript:"), 0u);
  // In the figure: two titles, alt, name, tag and chip; then the failure's name and message.
  EXPECT_EQ(count(html, "&amp;lt;b&amp;gt;"), 8u);
  EXPECT_EQ(html.find('\xff'), std::string::npos) << "the page is UTF-8";
}

TEST(ContactSheet, UnfinishedPageLeavesTheOldOne) {
  const test::TemporaryDirectory dir;
  const fs::path page = dir.write("out.html", "yesterday's");
  { ContactSheet sheet(page, "t", "n"); }
  EXPECT_EQ(test::read_text(page), "yesterday's");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
}

TEST(ContactSheet, FolderThatIsNotThereIsNamed) {
  const test::TemporaryDirectory dir;
  try {
    ContactSheet sheet(dir.path() / "none" / "out.html", "t", "n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_NE(std::string(error.what()).find("none/out.html"), std::string::npos);
  }
}

}  // namespace
}  // namespace resnet
