#include "train/data/augment.hpp"

#include "picture_set.hpp"
#include "train/data/pixel_ops.hpp"
#include "train/data/rand_augment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr int kSize = 32;

AugmentOptions nothing() {
  AugmentOptions options;
  options.size = kSize;
  options.flip = options.brightness = options.contrast = options.saturation = 0;
  return options;
}

std::vector<std::uint8_t> changed(const AugmentOptions& options, std::uint64_t seed) {
  std::vector<std::uint8_t> pixels = make_picture(options.size, options.size, 1).rgb;
  SampleRng rng(seed);
  change_pixels(pixels.data(), options, rng);
  return pixels;
}

const std::vector<std::uint8_t> kPicture = make_picture(kSize, kSize, 1).rgb;

TEST(ChangePixels, NothingWhereAllIsOff) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) EXPECT_EQ(changed(nothing(), seed), kPicture);
}

TEST(ChangePixels, DependsOnTheGeneratorAlone) {
  AugmentOptions options;
  options.size = kSize;
  options.randaugment_ops = 2;
  options.cutout = 0.5;
  std::set<std::vector<std::uint8_t>> all;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(changed(options, seed), changed(options, seed));
    all.insert(changed(options, seed));
  }
  EXPECT_EQ(all.size(), 20u);
}

TEST(ChangePixels, TurnsHalfOfThemLeftToRight) {
  AugmentOptions options = nothing();
  options.flip = 0.5;
  std::vector<std::uint8_t> mirrored = kPicture;
  flip({mirrored.data(), kSize});
  int turned = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto result = changed(options, seed);
    ASSERT_TRUE(result == kPicture || result == mirrored);
    turned += result == mirrored;
  }
  EXPECT_NEAR(turned, 500, 60);
}

TEST(ChangePixels, JitterStaysWithinItsFactors) {
  AugmentOptions options = nothing();
  options.brightness = 0.3;
  const auto sum = [](const std::vector<std::uint8_t>& pixels) {
    double total = 0;
    for (const std::uint8_t v : pixels) total += v;
    return total;
  };
  std::vector<std::uint8_t> grey(kPicture.size(), 100);
  double least = 9, most = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::vector<std::uint8_t> pixels = grey;
    SampleRng rng(seed);
    change_pixels(pixels.data(), options, rng);
    least = std::min(least, sum(pixels) / sum(grey));
    most = std::max(most, sum(pixels) / sum(grey));
  }
  EXPECT_NEAR(least, 0.7, 0.02);
  EXPECT_NEAR(most, 1.3, 0.02);
}

TEST(ChangePixels, CutoutFillsOneRectangle) {
  AugmentOptions options = nothing();
  options.size = 64;
  options.cutout = 1;
  options.fill = {7, 8, 9};
  const std::vector<std::uint8_t> white(64 * 64 * 3, 255);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<std::uint8_t> pixels = white;
    SampleRng rng(seed);
    change_pixels(pixels.data(), options, rng);
    int left = 64, right = -1, top = 64, bottom = -1, filled = 0;
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        const std::uint8_t* pixel = Pixels{pixels.data(), 64}.at(y, x);
        if (pixel[0] == 255) continue;
        ASSERT_TRUE(pixel[0] == 7 && pixel[1] == 8 && pixel[2] == 9);
        ++filled;
        left = std::min(left, x);
        right = std::max(right, x);
        top = std::min(top, y);
        bottom = std::max(bottom, y);
      }
    }
    ASSERT_EQ(filled, (right - left + 1) * (bottom - top + 1));
    EXPECT_GE(filled, 0.015 * 64 * 64);
    EXPECT_LE(filled, 0.22 * 64 * 64);
  }
}

TEST(RandAugment, EveryOperationIsDrawnAndChangesPixels) {
  for (const RandAugmentOp& op : rand_augment_ops()) {
    std::vector<std::uint8_t> pixels = kPicture;
    op.apply({pixels.data(), kSize}, 0.8, {1, 2, 3});
    EXPECT_EQ(pixels == kPicture, op.name == "identity") << op.name;
    // Two have no strength, and solarize turns white into black however weak it is, as torchvision's.
    const std::set<std::string_view> always{"auto_contrast", "equalize", "solarize"};
    if (always.contains(op.name)) continue;
    pixels = kPicture;
    op.apply({pixels.data(), kSize}, 0, {1, 2, 3});
    EXPECT_EQ(pixels, kPicture) << op.name;
  }
  std::set<std::vector<std::uint8_t>> results;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<std::uint8_t> pixels = kPicture;
    SampleRng rng(seed);
    rand_augment({pixels.data(), kSize}, 1, 20, {1, 2, 3}, rng);
    results.insert(std::move(pixels));
  }
  EXPECT_EQ(results.size(), 5u + 2u * 9u);  // nine of the fourteen go both ways
}

TEST(PixelOps, RotationByARightAngle) {
  std::vector<std::uint8_t> pixels = kPicture;
  transform({pixels.data(), kSize}, rotation(kSize, 90), {0, 0, 0});
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {  // counterclockwise: the right side comes to the top
      const std::uint8_t* from = kPicture.data() + (x * kSize + (kSize - 1 - y)) * 3;
      ASSERT_TRUE(std::equal(from, from + 3, pixels.data() + (y * kSize + x) * 3)) << x << " " << y;
    }
  }
}

TEST(Mixup, BlendsPixelsAndTargetsAlike) {
  std::vector<std::uint8_t> pixels{0, 255, 100, 10};
  const std::vector<std::uint8_t> other{255, 0, 100, 20};
  std::vector<float> targets{1, 0, 1};
  mix(pixels, other, 64);
  mix(targets, std::vector<float>{0, 1, 1}, 64);
  EXPECT_EQ(pixels, (std::vector<std::uint8_t>{64, 191, 100, 13}));
  EXPECT_EQ(targets, (std::vector<float>{0.75f, 0.25f, 1}));
  mix(targets, std::vector<float>{kIgnored, 0.25f, 1}, 64);
  EXPECT_EQ(targets, (std::vector<float>{kIgnored, 0.25f, 1}));
  mix(pixels, other, 256);
  EXPECT_EQ(pixels, other);
  mix(pixels, kPicture, 0);
  EXPECT_EQ(pixels, other);
}

TEST(Mixup, SharesAreThoseOfItsDistribution) {
  AugmentOptions options = nothing();
  SampleRng rng(1);
  EXPECT_EQ(draw_mixup(options, rng), 0);
  options.mixup = 1;  // uniform
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const int share = draw_mixup(options, rng);
    ASSERT_TRUE(share >= 0 && share <= 256);
    sum += share;
  }
  EXPECT_NEAR(sum / 10000, 128, 3);
}

TEST(AugmentOptions, OutOfRange) {
  check_options({});
  const auto refuses = [](const std::string& part, auto change) {
    AugmentOptions options;
    change(options);
    try {
      check_options(options);
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refuses("size is 0", [](AugmentOptions& o) { o.size = 0; });
  refuses("size is 5000", [](AugmentOptions& o) { o.size = 5000; });
  refuses("flip is 1.5", [](AugmentOptions& o) { o.flip = 1.5; });
  refuses("mixup is -1", [](AugmentOptions& o) { o.mixup = -1; });
  refuses("min_visible is nan",
          [](AugmentOptions& o) { o.min_visible = std::numeric_limits<double>::quiet_NaN(); });
  refuses("brightness is -0.1", [](AugmentOptions& o) { o.brightness = -0.1; });
  refuses("crop_scale is 0", [](AugmentOptions& o) { o.crop_scale = {0, 1}; });
  refuses("crop_scale is 2", [](AugmentOptions& o) { o.crop_scale = {0.5, 2}; });
  refuses("crop_ratio is 0.5", [](AugmentOptions& o) { o.crop_ratio = {1, 0.5}; });
  refuses("randaugment_magnitude is 31", [](AugmentOptions& o) { o.randaugment_magnitude = 31; });
  refuses("redraws is -1", [](AugmentOptions& o) { o.redraws = -1; });
}

}  // namespace
}  // namespace resnet::train
