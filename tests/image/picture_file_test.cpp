#include "support/temporary_directory.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <resnet/error.hpp>
#include <resnet/image.hpp>

namespace resnet {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

class PictureFile : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, std::string_view content) {
    std::ofstream(directory_.path() / name, std::ios::binary) << content;
    return directory_.path() / name;
  }
  std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }

  // The error of loading a file; it must name the file.
  static ErrorCode code_of(const std::filesystem::path& path, std::string_view part_of_message = {}) {
    try {
      load_image(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string_view(error.what()).find(path.string()), std::string_view::npos) << error.what();
      EXPECT_NE(std::string_view(error.what()).find(part_of_message), std::string_view::npos) << error.what();
      return error.code();
    }
    ADD_FAILURE() << path << " was read";
    return ErrorCode::internal;
  }

 private:
  test::TemporaryDirectory directory_;
};

TEST_F(PictureFile, MissingEmptyAndForeignFiles) {
  EXPECT_EQ(code_of(path("missing.jpg")), ErrorCode::not_found);
  EXPECT_EQ(code_of(write("empty.jpg", ""), "empty"), ErrorCode::bad_format);
  EXPECT_EQ(code_of(write("text.jpg", "not a picture at all")), ErrorCode::bad_format);
  EXPECT_EQ(code_of(write("file.jpg", "x") / "below.jpg"), ErrorCode::not_found);
}

TEST_F(PictureFile, WhatIsNoRegularFileIsRefusedWithoutWaiting) {
  EXPECT_EQ(code_of(path(".").parent_path(), "directory"), ErrorCode::io);
  ASSERT_EQ(mkfifo(path("pipe.jpg").c_str(), 0600), 0);
  EXPECT_EQ(code_of(path("pipe.jpg"), "pipe"), ErrorCode::io);
  EXPECT_EQ(code_of("/dev/null", "device"), ErrorCode::io);
  std::filesystem::create_symlink("loop.jpg", path("loop.jpg"));
  EXPECT_EQ(code_of(path("loop.jpg")), ErrorCode::io);
}

TEST_F(PictureFile, UnreadableFile) {
  if (geteuid() == 0) {
    // Root reads everything; this one the kernel itself refuses to read.
    if (!std::filesystem::exists("/proc/self/mem")) GTEST_SKIP() << "runs as root and without /proc";
    EXPECT_EQ(code_of("/proc/self/mem"), ErrorCode::io);
    return;
  }
  const auto file = write("secret.jpg", "\xff\xd8\xff");
  ASSERT_EQ(chmod(file.c_str(), 0), 0);
  EXPECT_EQ(code_of(file, "denied"), ErrorCode::io);
}

TEST_F(PictureFile, AFileFarTooLongIsNotRead) {
  const auto file = write("long.tif", "II*\0 and so on"sv);
  ASSERT_EQ(truncate(file.c_str(), off_t{1} << 40), 0);  // sparse: takes no space
  EXPECT_EQ(code_of(file), ErrorCode::too_large);
}

TEST_F(PictureFile, KnownFormatsThatAreNotReadAreNamed) {
  const struct {
    std::string name;
    std::string_view bytes;
    std::string_view named;
  } cases[] = {
      {"a.avif",
       "\0\0\0\x1c"
       "ftypavif\0\0\0\0avifmif1miaf"sv,
       "AVIF"},
      {"a.heic",
       "\0\0\0\x1c"
       "ftypmif1\0\0\0\0mif1avifmiaf"sv,
       "AVIF"},
      {"a.jxl", "\xff\x0a\xfa\x7f"sv, "JPEG XL"},
      {"b.jxl", "\0\0\0\x0cJXL \r\n\x87\n"sv, "JPEG XL"},
      {"a.gif", "GIF89a\1\0\1\0"sv, "GIF"},
      {"a.bmp", "BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0"sv, "BMP"},
      {"a.psd", "8BPS\0\1"sv, "Photoshop"},
      {"a.svg", "<svg xmlns="sv, "SVG"},
      {"a.pdf", "%PDF-1.7"sv, "PDF"},
      {"a.jp2", "\0\0\0\x0cjP  \r\n\x87\n"sv, "JPEG 2000"},
      {"a.cr2", "II*\0\x10\0\0\0CR\2\0"sv, "Canon CR2"},
      {"a.cr3",
       "\0\0\0\x18"
       "ftypcrx \0\0\0\1crx isom"sv,
       "Canon CR3"},
      {"a.raf", "FUJIFILMCCD-RAW 0201"sv, "Fujifilm"},
      {"a.orf", "IIRO\x08\0\0\0"sv, "Olympus"},
      {"a.rw2", "IIU\0\x18\0\0\0"sv, "Panasonic"},
      {"a.NEF", "MM\0*\0\0\0\x08"sv, "RAW"},
      {"a.arw", "II*\0\x08\0\0\0"sv, "RAW"},
      {"a.DNG", "II*\0\x08\0\0\0"sv, "RAW"},
      {"a.mov",
       "\0\0\0\x14"
       "ftypqt  \0\0\0\0qt  "sv,
       "video"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(code_of(write(c.name, c.bytes), c.named), ErrorCode::unsupported) << c.name;
}

TEST(ImageFormats, AreListedAndToldByName) {
  const auto formats = image_formats();
  ASSERT_GE(formats.size(), 4u);
  EXPECT_EQ(formats[0], "JPEG");
  for (const char* name : {"a.jpg", "A.JPEG", "dir/b.png", "c.webp", "d.tif", "e.TIFF", "f.heic", ".x.jpg"}) {
    EXPECT_TRUE(has_image_extension(name)) << name;
  }
  for (const char* name : {"a", "jpg", ".jpg", "a.txt", "a.cr2", "a.jpg.xmp", ""}) {
    EXPECT_FALSE(has_image_extension(name)) << name;
  }
}

}  // namespace
}  // namespace resnet
