#include "image/exif.hpp"

#include <string>

#include <gtest/gtest.h>

namespace resnet::image {
namespace {

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A TIFF header with one directory of one entry.
std::string exif(char orientation, bool big_endian) {
  using namespace std::string_literals;
  return big_endian ? "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0"s + orientation + "\0\0\0\0\0\0"s
                    : "II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0"s + orientation + "\0\0\0\0\0\0\0"s;
}

TEST(Exif, ReadsBothByteOrders) {
  for (char value = 1; value <= 8; ++value) {
    EXPECT_EQ(tiff_orientation(bytes_of(exif(value, true))), value);
    EXPECT_EQ(tiff_orientation(bytes_of(exif(value, false))), value);
  }
}

TEST(Exif, ValuesOutsideTheRangeAreUpright) {
  EXPECT_EQ(tiff_orientation(bytes_of(exif(0, true))), 1);
  EXPECT_EQ(tiff_orientation(bytes_of(exif(9, false))), 1);
}

TEST(Exif, EveryTruncationIsUprightAndReadsNothingBehind) {
  for (const bool big_endian : {false, true}) {
    const std::string whole = exif(6, big_endian);
    for (std::size_t size = 0; size < 19; ++size) {
      const std::string cut(whole, 0, size);  // its own allocation, so that sanitizers see its end
      EXPECT_EQ(tiff_orientation(bytes_of(cut)), 1) << size;
    }
  }
}

TEST(Exif, DirectoryFarOutsideIsUpright) {
  std::string block = exif(6, false);
  block[7] = '\x7f';
  EXPECT_EQ(tiff_orientation(bytes_of(block)), 1);
}

TEST(Exif, RegionsGoToTheStoredPictureAndBack) {
  const Size stored{70, 100};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Region upright = is_transposed(orientation) ? Region{3, 5, 40, 60} : Region{5, 3, 60, 40};
    const Region there = to_stored(upright, stored, orientation);
    EXPECT_GE(there.left, 0);
    EXPECT_GE(there.top, 0);
    EXPECT_LE(there.left + there.width, stored.width);
    EXPECT_LE(there.top + there.height, stored.height);
    const Region back = to_upright(there, stored, orientation);
    EXPECT_EQ(back.left, upright.left);
    EXPECT_EQ(back.top, upright.top);
    EXPECT_EQ(back.width, upright.width);
    EXPECT_EQ(back.height, upright.height);
  }
}

TEST(Exif, TurningMovesThePixelsItShould) {
  // Stored 2 x 1: pixels A B.
  const Image stored{.width = 2, .height = 1, .rgb = {1, 1, 1, 2, 2, 2}};
  const auto first = [&](int orientation) { return turn_upright(stored, orientation).rgb[0]; };
  const auto width = [&](int orientation) { return turn_upright(stored, orientation).width; };
  const int expected_first[] = {1, 2, 2, 1, 1, 1, 2, 2};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(first(orientation), expected_first[orientation - 1]) << orientation;
    EXPECT_EQ(width(orientation), orientation >= 5 ? 1 : 2) << orientation;
  }
}

}  // namespace
}  // namespace resnet::image
