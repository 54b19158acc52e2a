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

}  // namespace
}  // namespace resnet
