#include "core/atomic_file.hpp"

#include "support/temporary_directory.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class AtomicFileTest : public testing::Test {
 protected:
  const TemporaryDirectory temporary_;
  const fs::path directory_ = temporary_.path();
};

TEST_F(AtomicFileTest, AppearsOnlyOnCommit) {
  const fs::path path = directory_ / "out.txt";
  AtomicFile file(path);
  file.write("hello");
  EXPECT_FALSE(fs::exists(path));
  file.commit();
  EXPECT_EQ(contents(path), "hello");
}

TEST_F(AtomicFileTest, AbandonedLeavesTheOldFileAndNoTemporary) {
  const fs::path path = directory_ / "out.txt";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
  }
  EXPECT_EQ(contents(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(AtomicFileTest, NamesTheFileThatCannotBeWritten) {
  try {
    write_file_atomically(directory_ / "no-such-folder" / "out.txt", "x");
    FAIL() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::io);
    EXPECT_NE(std::string(e.what()).find("no-such-folder"), std::string::npos);
  }
}

// What commit() would fail on, or a device that the rename would put a file in the place of, is refused
// before anything is written.
TEST_F(AtomicFileTest, RefusesWhatNoFileCanReplace) {
  fs::create_directory(directory_ / "folder");
  write_file_atomically(directory_ / "file", "x");
  fs::create_symlink("/dev/null", directory_ / "device");
  const auto message_for = [](const fs::path& path) -> std::string {
    try {
      AtomicFile file(path);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::io);
      return e.what();
    }
    return "no error";
  };
  const std::string prefix = directory_.string() + "/";
  EXPECT_EQ(message_for(directory_ / "folder"), prefix + "folder: is a folder; give the name of a file");
  EXPECT_EQ(message_for(directory_ / "device"),
            prefix + "device: is no ordinary file; give the name of a file");
  EXPECT_EQ(message_for(directory_ / "file" / "x"),
            prefix + "file/x: cannot be created: " + prefix + "file is no folder");
  EXPECT_EQ(message_for(directory_ / "a" / "b" / "x"),
            prefix + "a/b/x: cannot be created: there is no folder " + prefix + "a/b; make it first");
  EXPECT_EQ(message_for(""), "the name of the file to write is empty");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 3);
}

}  // namespace
}  // namespace resnet
