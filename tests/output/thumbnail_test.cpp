#include "output/thumbnail.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <jpeglib.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

// A picture whose left half is red and whose right half is blue.
Image halves(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool left = x < width / 2;
      image.rgb.push_back(left ? 220 : 20);
      image.rgb.push_back(30);
      image.rgb.push_back(left ? 20 : 220);
    }
  }
  return image;
}

Image decode(const std::string& jpeg) {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;  // its default ends the test program, which is failure enough
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  Image image{static_cast<int>(info.output_width), static_cast<int>(info.output_height), {}};
  image.rgb.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.rgb.data() + static_cast<std::size_t>(info.output_scanline) * info.output_width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return image;
}

struct Sizes {
  int width, height, expected_width, expected_height;
};

class ThumbnailTest : public testing::TestWithParam<Sizes> {};

TEST_P(ThumbnailTest, FitsAndShowsThePicture) {
  const Sizes s = GetParam();
  const Image small = decode(make_thumbnail(halves(s.width, s.height), 320));
  EXPECT_EQ(small.width, s.expected_width);
  EXPECT_EQ(small.height, s.expected_height);
  if (small.width < 16 || small.height < 4) return;
  const std::uint8_t* row = small.row(small.height / 2);
  EXPECT_GT(row[3 * (small.width / 4)], 180);
  EXPECT_LT(row[3 * (small.width / 4) + 2], 60);
  EXPECT_LT(row[3 * (3 * small.width / 4)], 60);
  EXPECT_GT(row[3 * (3 * small.width / 4) + 2], 180);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThumbnailTest,
                         testing::Values(Sizes{500, 375, 320, 240}, Sizes{375, 500, 240, 320},
                                         Sizes{100, 50, 100, 50},  // never enlarged
                                         Sizes{1601, 1199, 320, 240}, Sizes{5000, 37, 320, 2},
                                         Sizes{1, 1, 1, 1}, Sizes{9000, 1, 320, 1}, Sizes{1, 3000, 1, 320},
                                         Sizes{321, 321, 320, 320}));

TEST(Thumbnail, IsSmall) {
  EXPECT_LT(make_thumbnail(halves(1600, 1200)).size(), 8000u);
}

TEST(Thumbnail, EmptyPictureIsRefused) {
  EXPECT_THROW(make_thumbnail(Image{}), Error);
}

}  // namespace
}  // namespace resnet
