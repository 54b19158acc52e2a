#include "output/tag_store.hpp"

#include "output/content_hash.hpp"
#include "support/temporary_directory.hpp"

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

namespace fs = std::filesystem;

constexpr PhotoStamp kStamp{1234, 1'700'000'000'123'456'789};
const StoredTags kTags{640, 480, {{281, 0.93f}, {282, 0.0123f}}};

void expect_equal(const StoredTags& a, const StoredTags& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  ASSERT_EQ(a.predictions.size(), b.predictions.size());
  for (std::size_t i = 0; i < a.predictions.size(); ++i) {
    EXPECT_EQ(a.predictions[i].index, b.predictions[i].index);
    EXPECT_EQ(a.predictions[i].score, b.predictions[i].score);  // the same bits
  }
}

TEST(TagStore, RemembersAcrossRunsWithTheSameFingerprint) {
  const test::TemporaryDirectory dir;
  const std::vector<std::string> names = {"/p/a.jpg", "/p/tab\tand\nline\\feed.jpg", "/p/caf\xe9.jpg",
                                          "/p/b c.jpg"};
  {
    TagStore store(dir.path() / "cache/tags", "f1", 1000);
    for (const std::string& name : names) store.put(name, kStamp, kTags);
    store.put("/p/none.jpg", kStamp, {10, 20, {}});
    EXPECT_EQ(store.problem(), "");
  }
  TagStore store(dir.path() / "cache/tags", "f1", 1000);
  EXPECT_EQ(store.size(), names.size() + 1);
  for (const std::string& name : names) {
    const auto found = store.find(name, kStamp);
    ASSERT_TRUE(found) << name;
    expect_equal(*found, kTags);
  }
  ASSERT_TRUE(store.find("/p/none.jpg", kStamp));
  EXPECT_TRUE(store.find("/p/none.jpg", kStamp)->predictions.empty());
  EXPECT_TRUE(store.find("/p/../p/./a.jpg", kStamp));
  EXPECT_FALSE(TagStore(dir.path() / "cache/tags", "f2", 1000).find("/p/a.jpg", kStamp));
}

TEST(TagStore, ChangedPhotoIsUnknown) {
  const test::TemporaryDirectory dir;
  TagStore store(dir.path(), "f", 1000);
  store.put("/p/a.jpg", kStamp, kTags);
  EXPECT_FALSE(store.find("/p/a.jpg", {kStamp.bytes + 1, kStamp.modified_ns}));
  EXPECT_FALSE(store.find("/p/a.jpg", {kStamp.bytes, kStamp.modified_ns + 1}));
  EXPECT_TRUE(store.find("/p/a.jpg", kStamp));
}

TEST(TagStore, LastAnswerCountsAndTheFileDoesNotGrowForEver) {
  const test::TemporaryDirectory dir;
  for (int i = 0; i < 500; ++i) {
    TagStore store(dir.path(), "f", 1000);
    store.put("/p/a.jpg", {1, i}, kTags);
  }
  TagStore store(dir.path(), "f", 1000);
  EXPECT_TRUE(store.find("/p/a.jpg", {1, 499}));
  EXPECT_FALSE(store.find("/p/a.jpg", {1, 3}));
  EXPECT_LT(fs::file_size(dir.path() / "f.tags"), 10000u);
}

TEST(TagStore, DamageCostsOnlyTheDamagedLines) {
  const test::TemporaryDirectory dir;
  {
    TagStore store(dir.path(), "f", 1000);
    for (int i = 0; i < 10; ++i) store.put("/p/" + std::to_string(i), kStamp, kTags);
  }
  std::string text = test::read_text(dir.path() / "f.tags");
  text[text.find("/p/3")] = '#';
  text.resize(text.size() - 20);  // the last line was cut off
  dir.write("f.tags", text + "\nnonsense\n\t\t\t\t\t\n");
  TagStore store(dir.path(), "f", 1000);
  EXPECT_EQ(store.size(), 8u);
  EXPECT_FALSE(store.find("/p/3", kStamp));
  EXPECT_FALSE(store.find("/p/9", kStamp));
  EXPECT_TRUE(store.find("/p/8", kStamp));
}

TEST(TagStore, OtherFilesAreReplacedAndImpossibleClassesIgnored) {
  const test::TemporaryDirectory dir;
  dir.write("f.tags", "something else altogether\n");
  {
    TagStore store(dir.path(), "f", 1000);
    EXPECT_EQ(store.size(), 0u);
    store.put("/p/a", kStamp, kTags);
  }
  EXPECT_EQ(TagStore(dir.path(), "f", 1000).size(), 1u);
  EXPECT_EQ(TagStore(dir.path(), "f", 282).size(), 0u);
}

TEST(TagStore, FolderThatCannotBeMadeIsAProblemAndNoFailure) {
  const test::TemporaryDirectory dir;
  dir.write("file", "x");
  TagStore store(dir.path() / "file" / "tags", "f", 1000);
  EXPECT_NE(store.problem().find("file"), std::string::npos);
  store.put("/p/a", kStamp, kTags);
  EXPECT_TRUE(store.find("/p/a", kStamp));
}

TEST(TagStore, OldStoresAreThrownAway) {
  const test::TemporaryDirectory dir;
  for (int i = 0; i < 60; ++i) {
    const fs::path store = dir.write("old" + std::to_string(i) + ".tags", "x");
    fs::last_write_time(store, fs::file_time_type::clock::now() - std::chrono::hours(60 - i));
  }
  dir.write("keep.txt", "x");
  TagStore store(dir.path(), "new", 1000);
  std::size_t left = 0;
  for (const auto& entry : fs::directory_iterator(dir.path())) left += entry.path().extension() == ".tags";
  EXPECT_LE(left, 33u);
  EXPECT_TRUE(fs::exists(dir.path() / "old59.tags"));
  EXPECT_TRUE(fs::exists(dir.path() / "keep.txt"));
}

TEST(TagStore, TwoThreadsMayUseIt) {
  const test::TemporaryDirectory dir;
  TagStore store(dir.path(), "f", 1000);
  std::thread writer([&] {
    for (int i = 0; i < 500; ++i) store.put("/p/" + std::to_string(i), kStamp, kTags);
  });
  for (int i = 0; i < 500; ++i) store.find("/p/" + std::to_string(i), kStamp);
  writer.join();
  EXPECT_EQ(store.size(), 500u);
}

TEST(PhotoStamp, IsOfRegularFilesOnly) {
  const test::TemporaryDirectory dir;
  const fs::path file = dir.write("a", "12345");
  ASSERT_TRUE(photo_stamp(file));
  EXPECT_EQ(photo_stamp(file)->bytes, 5u);
  EXPECT_FALSE(photo_stamp(dir.path()));
  EXPECT_FALSE(photo_stamp(dir.path() / "none"));
}

TEST(ContentHash, EveryByteAndEveryBorderCounts) {
  const auto hash = [](std::initializer_list<std::string_view> parts) {
    ContentHash h;
    for (const auto part : parts) h.add(part);
    return h.hex();
  };
  EXPECT_EQ(hash({"abc"}), hash({"abc"}));
  EXPECT_NE(hash({"ab", "c"}), hash({"a", "bc"}));
  EXPECT_NE(hash({""}), hash({}));
  std::string text(1000, 'x');
  const std::string before = hash({text});
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = 'y';
    ASSERT_NE(hash({text}), before) << i;
    text[i] = 'x';
  }
  EXPECT_EQ(before.size(), 16u);
}

}  // namespace
}  // namespace resnet
