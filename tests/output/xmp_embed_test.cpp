#include "output/picture_data.hpp"
#include "output/thumbnail.hpp"
#include "output/xmp_writer.hpp"
#include "support/temporary_directory.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <png.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>
#include <webp/encode.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

Image noise(int width, int height) {
  Image image{width, height, {}};
  std::uint32_t state = 12345;
  for (int i = 0; i < width * height * 3; ++i) {
    state = state * 1664525u + 1013904223u;
    image.rgb.push_back(static_cast<std::uint8_t>(state >> 24));
  }
  return image;
}

std::string jpeg() {
  return make_thumbnail(noise(61, 43), 320, 90);
}

std::string png() {
  const Image image = noise(61, 43);
  png_image out{};
  out.version = PNG_IMAGE_VERSION;
  out.width = 61;
  out.height = 43;
  out.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&out, nullptr, &size, 0, image.rgb.data(), 0, nullptr);
  std::string bytes(size, '\0');
  png_image_write_to_memory(&out, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

std::string webp(bool lossless) {
  const Image image = noise(61, 43);
  std::uint8_t* out = nullptr;
  const std::size_t size = lossless ? WebPEncodeLosslessRGB(image.rgb.data(), 61, 43, 61 * 3, &out)
                                    : WebPEncodeRGB(image.rgb.data(), 61, 43, 61 * 3, 75, &out);
  std::string bytes(reinterpret_cast<const char*>(out), size);
  WebPFree(out);
  return bytes;
}

void write_tiff(const fs::path& path) {
  Image image = noise(61, 43);
  TIFF* tiff = TIFFOpen(path.c_str(), "w");
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 61);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 43);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 43);
  for (std::uint32_t y = 0; y < 43; ++y) TIFFWriteScanline(tiff, image.rgb.data() + y * 61 * 3, y, 0);
  TIFFClose(tiff);
}

fs::path make_picture(const test::TemporaryDirectory& dir, const std::string& kind) {
  if (kind == "jpg") return dir.write("photo.jpg", jpeg());
  if (kind == "png") return dir.write("photo.png", png());
  if (kind == "webp") return dir.write("photo.webp", webp(false));
  if (kind == "lossless.webp") return dir.write("photo.lossless.webp", webp(true));
  write_tiff(dir.path() / "photo.tif");
  return dir.path() / "photo.tif";
}

const Strings kEmbeddedTags = {"tabby", "caf\xc3\xa9 & bar"};

class EmbedTest : public testing::TestWithParam<const char*> {};

TEST_P(EmbedTest, KeywordsGoInAndOutAndThePictureStays) {
  const test::TemporaryDirectory dir;
  const fs::path photo = make_picture(dir, GetParam());
  const fs::path original = dir.path() / ("original" + photo.extension().string());
  fs::copy_file(photo, original);
  fs::permissions(photo, fs::perms(0604));

  XmpOutcome outcome =
      write_embedded(photo, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f1"}, {.dry_run = true});
  EXPECT_EQ(outcome.action, XmpAction::updated);
  EXPECT_EQ(test::read_text(photo), test::read_text(original));

  outcome = write_embedded(photo, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f1"}, {});
  EXPECT_EQ(outcome.action, XmpAction::updated);
  EXPECT_EQ(outcome.change.added, kEmbeddedTags);
  EXPECT_EQ(XmpPacket::read_from(photo).keywords(), kEmbeddedTags);
  EXPECT_TRUE(same_picture(original, photo));
  EXPECT_EQ(fs::status(photo).permissions(), fs::perms(0604));
  EXPECT_EQ(test::files_in(dir.path()), 2u) << "no copy is left behind";
  EXPECT_NE(test::read_text(photo).find("tabby"), std::string::npos);

  const std::string tagged = test::read_text(photo);
  EXPECT_EQ(write_embedded(photo, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f1"}, {}).action,
            XmpAction::unchanged);
  EXPECT_EQ(test::read_text(photo), tagged);

  EXPECT_EQ(write_embedded(photo, {.tags = Strings{"tabby", "quilt"}, .parent = "", .fingerprint = "f2"}, {})
                .action,
            XmpAction::updated);
  EXPECT_EQ(XmpPacket::read_from(photo).keywords(), (Strings{"tabby", "quilt"}));

  EXPECT_EQ(remove_embedded(photo, {}).action, XmpAction::updated);
  EXPECT_TRUE(XmpPacket::read_from(photo).keywords().empty());
  EXPECT_TRUE(same_picture(original, photo));
  EXPECT_EQ(remove_embedded(photo, {}).action, XmpAction::unchanged);
}

INSTANTIATE_TEST_SUITE_P(Formats, EmbedTest, testing::Values("jpg", "png", "webp", "lossless.webp", "tif"),
                         [](const auto& p) {
                           std::string name = p.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST(Embed, OtherFormatsAreRefusedByName) {
  const test::TemporaryDirectory dir;
  const fs::path heic = dir.write("photo.heic", std::string("\0\0\0\x18"
                                                            "ftypheic",
                                                            12));
  try {
    write_embedded(heic, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f"}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("--xmp sidecar"), std::string::npos);
  }
}

TEST(Embed, DamagedPicturesAreNamedAndLeftAsTheyAre) {
  const test::TemporaryDirectory dir;
  for (const char* kind : {"jpg", "png", "webp"}) {
    const fs::path photo = make_picture(dir, kind);
    const std::string whole = test::read_text(photo);
    for (const std::size_t size : {std::size_t{5}, std::size_t{16}, std::size_t{30}, whole.size() / 2}) {
      const std::string damaged = whole.substr(0, size);
      dir.write(photo.filename(), damaged);
      try {
        write_embedded(photo, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f"}, {});
      } catch (const Error&) {
        EXPECT_EQ(test::read_text(photo), damaged) << kind << " cut to " << size;
      }
    }
    fs::remove(photo);
  }
  EXPECT_EQ(test::files_in(dir.path()), 0u);
}

TEST(Embed, WhatFollowsTheEndOfAJpegStays) {
  const test::TemporaryDirectory dir;
  const std::string video = "a motion photo's video \xff\xd8\xff";
  const fs::path photo = dir.write("photo.jpg", jpeg() + video);
  write_embedded(photo, {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f"}, {});
  const std::string after = test::read_text(photo);
  EXPECT_EQ(after.substr(after.size() - video.size()), video);
}

TEST(Embed, LinkStaysALinkAndItsTargetIsChanged) {
  const test::TemporaryDirectory dir;
  const test::TemporaryDirectory elsewhere;
  const fs::path photo = make_picture(elsewhere, "jpg");
  fs::create_symlink(photo, dir.path() / "link.jpg");
  write_embedded(dir.path() / "link.jpg", {.tags = kEmbeddedTags, .parent = "", .fingerprint = "f"}, {});
  EXPECT_TRUE(fs::is_symlink(dir.path() / "link.jpg"));
  EXPECT_EQ(XmpPacket::read_from(photo).keywords(), kEmbeddedTags);
}

TEST(SamePicture, NoticesAChangedByteOfThePicture) {
  const test::TemporaryDirectory dir;
  for (const std::string& bytes : {jpeg(), png(), webp(false)}) {
    const fs::path a = dir.write("a", bytes);
    std::string other = bytes;
    other[other.size() - 40] = static_cast<char>(other[other.size() - 40] ^ 1);
    const fs::path b = dir.write("b", other);
    EXPECT_TRUE(same_picture(a, a));
    EXPECT_FALSE(same_picture(a, b));
  }
  EXPECT_FALSE(same_picture(dir.write("a", jpeg()), dir.write("b", png())));
}

}  // namespace
}  // namespace resnet
