#include "pipeline/photo_list.hpp"

#include "support/temporary_directory.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

// Everything the list gives, relative to `base`; failed ones as "! path code".
std::vector<std::string> all(PhotoList list, const fs::path& base) {
  std::vector<std::string> names;
  while (auto item = list.next()) {
    const std::string name = item->path.lexically_relative(base).string();
    names.push_back(item->error ? "! " + name + " " + std::string(to_string(item->error->code())) : name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(PhotoList, FolderGivesItsPhotosSortedAndNothingElse) {
  const test::TemporaryDirectory dir;
  for (const char* name : {"b.jpg", "a.JPG", "notes.txt", "c.png", ".hidden.jpg", "._a.JPG", "sub/d.jpg"}) {
    dir.write(name, "x");
  }
  EXPECT_EQ(all(PhotoList({dir.path()}), dir.path()), (Names{"a.JPG", "b.jpg", "c.png"}));
}

TEST(PhotoList, RecursionTakesFilesBeforeSubfoldersAndSkipsHiddenFolders) {
  const test::TemporaryDirectory dir;
  for (const char* name :
       {"z.jpg", "2020/b.jpg", "2020/a/q.jpg", "2019/x.png", ".thumbnails/t.jpg", "2020/a.jpg"}) {
    dir.write(name, "x");
  }
  EXPECT_EQ(all(PhotoList({dir.path()}, {.recursive = true}), dir.path()),
            (Names{"z.jpg", "2019/x.png", "2020/a.jpg", "2020/b.jpg", "2020/a/q.jpg"}));
}

TEST(PhotoList, GivenFilesAreAlwaysTried) {
  const test::TemporaryDirectory dir;
  const fs::path text = dir.write("notes.txt", "x");
  const fs::path hidden = dir.write(".hidden.jpg", "x");
  EXPECT_EQ(all(PhotoList({text, hidden, dir.path() / "missing.jpg"}), dir.path()),
            (Names{"notes.txt", ".hidden.jpg", "missing.jpg"}));
}

TEST(PhotoList, GivenHiddenFolderIsListed) {
  const test::TemporaryDirectory dir;
  dir.write(".album/a.jpg", "x");
  EXPECT_EQ(all(PhotoList({dir.path() / ".album"}), dir.path()), (Names{".album/a.jpg"}));
}

TEST(PhotoList, LinkLoopsEndAndNothingComesTwice) {
  const test::TemporaryDirectory dir;
  dir.write("a/1.jpg", "x");
  dir.write("a/b/2.jpg", "x");
  fs::create_directory_symlink(dir.path(), dir.path() / "a/b/up");
  fs::create_directory_symlink(dir.path() / "a", dir.path() / "a/self");
  fs::create_directory_symlink(dir.path() / "a/b", dir.path() / "again");
  EXPECT_EQ(all(PhotoList({dir.path()}, {.recursive = true}), dir.path()), (Names{"a/1.jpg", "a/b/2.jpg"}));
}

TEST(PhotoList, LinksToFilesAndFoldersAreFollowed) {
  const test::TemporaryDirectory dir;
  const test::TemporaryDirectory elsewhere;
  const fs::path target = elsewhere.write("deep/x.jpg", "x");
  fs::create_symlink(target, dir.path() / "link.jpg");
  fs::create_directory_symlink(elsewhere.path(), dir.path() / "album");
  EXPECT_EQ(all(PhotoList({dir.path()}, {.recursive = true}), dir.path()),
            (Names{"link.jpg", "album/deep/x.jpg"}));
}

TEST(PhotoList, BrokenLinksAndFifosAreHandedOnToBeNamed) {
  const test::TemporaryDirectory dir;
  fs::create_symlink("nowhere", dir.path() / "broken.jpg");
  ASSERT_EQ(::mkfifo((dir.path() / "fifo.jpg").c_str(), 0600), 0);
  EXPECT_EQ(all(PhotoList({dir.path()}), dir.path()), (Names{"broken.jpg", "fifo.jpg"}));
}

TEST(PhotoList, NamesAreBytes) {
  const test::TemporaryDirectory dir;
  const std::string latin1 = "caf\xe9.jpg";
  dir.write(latin1, "x");
  dir.write("line\nfeed.jpg", "x");
  EXPECT_EQ(all(PhotoList({dir.path()}), dir.path()), (Names{latin1, "line\nfeed.jpg"}));
}

TEST(PhotoList, FolderThatCannotBeOpenedIsNamedAndTheRestGoesOn) {
  const test::TemporaryDirectory dir;
  dir.write("0.jpg", "x");
  dir.write("a/1.jpg", "x");
  dir.write("b/2.jpg", "x");
  PhotoList list({dir.path()}, {.recursive = true});
  ASSERT_TRUE(list.next());
  // Gone before its turn: the one way to refuse a folder that works for every user, root included.
  fs::remove_all(dir.path() / "a");
  EXPECT_EQ(all(std::move(list), dir.path()), (Names{"! a io", "b/2.jpg"}));
}

TEST(PhotoList, FolderTooDeepIsNamedAndTheRestGoesOn) {
  const test::TemporaryDirectory dir;
  dir.write("z.jpg", "x");
  // A path longer than the system takes can still exist: it is built from inside.
  const fs::path before = fs::current_path();
  fs::current_path(dir.path());
  const std::string name(200, 'd');
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(::mkdir(name.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(name.c_str()), 0);
  }
  fs::current_path(before);
  PhotoList list({dir.path()}, {.recursive = true});
  auto item = list.next();
  ASSERT_TRUE(item);
  EXPECT_EQ(item->path.filename(), "z.jpg");
  item = list.next();
  ASSERT_TRUE(item && item->error);
  EXPECT_EQ(item->error->code(), ErrorCode::io);
  EXPECT_FALSE(list.next());
}

TEST(PhotoList, ListFileNamesPathsAndFolders) {
  const test::TemporaryDirectory dir;
  const std::string base = dir.path().string();
  dir.write("a.jpg", "x");
  dir.write("album/b.jpg", "x");
  const fs::path lines =
      dir.write("list.txt", base + "/a.jpg\r\n\n" + base + "/album\n" + base + "/caf\xe9.jpg");
  EXPECT_EQ(all(PhotoList({}, {.images_from = lines}), dir.path()),
            (Names{"a.jpg", "album/b.jpg", "caf\xe9.jpg"}));
  using namespace std::string_literals;
  const fs::path zeros = dir.write("list0", base + "/a.jpg\0"s + base + "/new\nline.jpg\0"s);
  EXPECT_EQ(all(PhotoList({dir.path() / "album"}, {.images_from = zeros}), dir.path()),
            (Names{"album/b.jpg", "a.jpg", "new\nline.jpg"}));
}

TEST(PhotoList, LongListKeepsEveryNameWhole) {
  const test::TemporaryDirectory dir;
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text += "name-" + std::to_string(i) + std::string(static_cast<std::size_t>(i % 37), 'x') + "\n";
  PhotoList list({}, {.images_from = dir.write("list", text)});
  for (int i = 0; i < 20000; ++i) {
    const auto item = list.next();
    ASSERT_TRUE(item);
    ASSERT_EQ(item->path, "name-" + std::to_string(i) + std::string(static_cast<std::size_t>(i % 37), 'x'));
  }
  EXPECT_FALSE(list.next());
}

TEST(PhotoList, MissingListFileIsAnErrorAtOnce) {
  const test::TemporaryDirectory dir;
  try {
    PhotoList list({}, {.images_from = dir.path() / "none"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
  }
}

TEST(PhotoList, NamesFromAPipeArriveWhileItIsOpenAndCancelEndsTheWait) {
  const test::TemporaryDirectory dir;
  const fs::path pipe = dir.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::atomic<bool> cancel{false};
  std::atomic<bool> hold{true};
  std::thread writer([&] {
    std::ofstream out(pipe);
    out << "one.jpg\ntwo.j" << std::flush;
    while (hold) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  PhotoList list({}, {.images_from = pipe, .cancel = &cancel});
  const auto first = list.next();
  EXPECT_TRUE(first && first->path == "one.jpg");
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    cancel = true;
  });
  EXPECT_FALSE(list.next());  // "two.j" is half a name
  hold = false;
  canceller.join();
  writer.join();
}

TEST(PhotoList, CountsWhatItWouldGive) {
  const test::TemporaryDirectory dir;
  for (int i = 0; i < 300; ++i) dir.write("d" + std::to_string(i % 7) + "/" + std::to_string(i) + ".jpg", "");
  std::atomic<std::size_t> count{0};
  EXPECT_TRUE(count_photos({dir.path()}, {.recursive = true}, count));
  EXPECT_EQ(count, 300u);
  EXPECT_FALSE(count_photos({}, {.images_from = "-"}, count));
  EXPECT_EQ(count, 300u);
}

}  // namespace
}  // namespace resnet
