#include "model/labels.hpp"

#include "model_test_support.hpp"

#include <set>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>

namespace resnet {
namespace {

using test::error_of;
using test::write;

TEST(Labels, BuiltIn) {
  ASSERT_EQ(imagenet_labels().size(), 1000u);
  EXPECT_EQ(imagenet_labels()[0], "tench");
  EXPECT_EQ(imagenet_labels()[281], "tabby");
  EXPECT_EQ(imagenet_labels()[999], "toilet tissue");
  ASSERT_EQ(coco_labels().size(), 80u);
  EXPECT_EQ(coco_labels()[0], "person");
  EXPECT_EQ(coco_labels()[79], "toothbrush");
}

TEST(Labels, DefaultsFollowTheNumberOfClasses) {
  EXPECT_EQ(make_random_model(18, 1000, 1).labels, imagenet_labels());
  EXPECT_EQ(make_random_model(18, 80, 1).labels, coco_labels());
  EXPECT_EQ(make_random_model(18, 2, 1).labels, (std::vector<std::string>{"class 0", "class 1"}));
}

TEST(Labels, EveryCocoNameHasAKoreanOneOfItsOwn) {
  const std::vector<std::string> korean = translate_labels(coco_labels(), Language::ko);
  ASSERT_EQ(korean.size(), 80u);
  EXPECT_EQ(korean[0], "사람");
  EXPECT_EQ(korean[79], "칫솔");
  for (const std::string& label : korean) {
    // Hangul syllables, U+AC00 to U+D7A3, and blanks; and what Koreans, too, write TV.
    EXPECT_TRUE((label.front() >= '\xea' && label.front() <= '\xed') || label == "TV") << label;
  }
  EXPECT_EQ(std::set(korean.begin(), korean.end()).size(), 80u);
}

TEST(Labels, TranslationGoesByTheNameAndLeavesWhatItDoesNotKnow) {
  const std::vector<std::string> labels{"zebra", "kind 1", "person", "Person", ""};
  EXPECT_EQ(translate_labels(labels, Language::ko),
            (std::vector<std::string>{"얼룩말", "kind 1", "사람", "Person", ""}));
  EXPECT_EQ(translate_labels(labels, Language::en), labels);
}

TEST(Labels, AnUnknownLanguageIsRefusedWithTheChoices) {
  EXPECT_EQ(parse_language("ko"), Language::ko);
  EXPECT_EQ(to_string(Language::en), "en");
  try {
    parse_language("fr");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("en, ko"), std::string::npos);
  }
}

TEST(Labels, FilesWithWindowsLineEndsMarkAndNoFinalNewline) {
  const test::TemporaryFolder folder;
  const auto path = write(folder.path() / "l.txt",
                          "\xef\xbb\xbf"
                          "red fox\r\nb\xc3\xa4r\r\n\r\n");
  EXPECT_EQ(read_labels(path, 2), (std::vector<std::string>{"red fox", "b\xc3\xa4r"}));
  EXPECT_EQ(read_labels(write(folder.path() / "m.txt", "a\nb"), 0), (std::vector<std::string>{"a", "b"}));
}

TEST(Labels, WrongCountAndBlankLinesAreNamed) {
  const test::TemporaryFolder folder;
  const auto path = write(folder.path() / "l.txt", "a\nb\nc\n");
  const Error count = error_of([&] { read_labels(path, 5); });
  EXPECT_EQ(count.code(), ErrorCode::shape_mismatch);
  EXPECT_NE(std::string(count.what()).find("3 labels for 5 classes"), std::string::npos) << count.what();
  const Error blank = error_of([&] { read_labels(write(folder.path() / "m.txt", "a\n\nb\n"), 0); });
  EXPECT_NE(std::string(blank.what()).find("line 2"), std::string::npos) << blank.what();
  EXPECT_EQ(error_of([&] { read_labels(folder.path() / "none.txt", 0); }).code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace resnet
