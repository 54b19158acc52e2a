#include "picture_set.hpp"
#include "train/data/augment.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

using image::Region;

bool operator==(const Region& a, const Region& b) {
  return a.left == b.left && a.top == b.top && a.width == b.width && a.height == b.height;
}

TrainingSample unlabelled() {
  return {};
}

// Objects of class 0 in the left upper corner and of class 1 on the right half; class 2 is somewhere.
TrainingSample with_boxes() {
  TrainingSample sample;
  sample.labels = {0, 1, 2};
  sample.boxes = {{.label = 0, .left = 0, .top = 0, .right = 0.2f, .bottom = 0.2f},
                  {.label = 1, .left = 0.5f, .top = 0, .right = 1, .bottom = 1}};
  return sample;
}

std::vector<float> targets_of(const TrainingSample& sample, const Region& crop,
                              const AugmentOptions& options = {}) {
  std::vector<float> targets(4, 9);
  set_targets(sample, {100, 100}, crop, options, targets);
  return targets;
}

TEST(DrawCrop, StaysInThePictureAndInItsRanges) {
  AugmentOptions options;
  options.crop_scale = {0.1, 0.6};
  options.crop_ratio = {0.5, 1.5};
  double least = 1, most = 0, flattest = 9, tallest = 0;
  for (int i = 0; i < 20000; ++i) {
    SampleRng rng(1, 0, i);
    const Region crop = draw_crop(unlabelled(), {300, 400}, options, rng);
    ASSERT_GE(crop.left, 0);
    ASSERT_GE(crop.top, 0);
    ASSERT_LE(crop.left + crop.width, 400);
    ASSERT_LE(crop.top + crop.height, 300);
    const double scale = crop.width * crop.height / 120000.0;
    const double ratio = static_cast<double>(crop.width) / crop.height;
    least = std::min(least, scale);
    most = std::max(most, scale);
    flattest = std::min(flattest, ratio);
    tallest = std::max(tallest, ratio);
  }
  EXPECT_NEAR(least, 0.1, 0.005);
  EXPECT_NEAR(most, 0.6, 0.005);
  EXPECT_NEAR(flattest, 0.5, 0.02);
  EXPECT_NEAR(tallest, 1.5, 0.02);
}

TEST(DrawCrop, RatiosRelativeToThePictures) {
  AugmentOptions options;
  options.crop_ratio = {0.8, 1.25};
  options.relative_ratio = true;
  for (int i = 0; i < 2000; ++i) {
    SampleRng rng(6, 0, i);
    const Region crop = draw_crop(unlabelled(), {100, 400}, options, rng);
    const double ratio = static_cast<double>(crop.width) / crop.height / 4;
    ASSERT_GE(ratio, 0.77);
    ASSERT_LE(ratio, 1.30);
  }
  // The whole picture has the ratio 1.
  options.crop_ratio = options.crop_scale = {1, 1};
  SampleRng rng(7);
  EXPECT_TRUE(draw_crop(unlabelled(), {100, 37}, options, rng) == (Region{0, 0, 37, 100}));
}

TEST(DrawCrop, TakesTheMiddleWhereNothingFits) {
  AugmentOptions options;
  options.crop_scale = {1, 1};
  SampleRng rng(2);
  EXPECT_TRUE(draw_crop(unlabelled(), {10, 100}, options, rng) == (Region{43, 0, 13, 10}));
  EXPECT_TRUE(draw_crop(unlabelled(), {100, 10}, options, rng) == (Region{0, 43, 10, 13}));
  EXPECT_TRUE(draw_crop(unlabelled(), {1, 1}, options, rng) == (Region{0, 0, 1, 1}));
}

TEST(DrawCrop, SomePictureOfAnySize) {
  for (int height = 1; height < 40; height += 3) {
    for (int width = 1; width < 40; width += 2) {
      for (int i = 0; i < 20; ++i) {
        SampleRng rng(3, height, width, i);
        const Region crop = draw_crop(with_boxes(), {height, width}, {}, rng);
        ASSERT_TRUE(crop.width >= 1 && crop.height >= 1 && crop.left >= 0 && crop.top >= 0 &&
                    crop.left + crop.width <= width && crop.top + crop.height <= height);
      }
    }
  }
}

TEST(Targets, AreThoseOfTheBoxesThatTheCropShows) {
  const TrainingSample sample = with_boxes();
  EXPECT_EQ(targets_of(sample, {0, 0, 100, 100}), (std::vector<float>{1, 1, 1, 0}));
  EXPECT_EQ(targets_of(sample, {0, 0, 50, 50}), (std::vector<float>{1, 0, 1, 0}));
  EXPECT_EQ(targets_of(sample, {50, 50, 50, 50}), (std::vector<float>{0, 1, 1, 0}));
  EXPECT_EQ(targets_of(sample, {20, 30, 30, 30}), (std::vector<float>{0, 0, 1, 0}));
}

TEST(Targets, NeedAShareOfTheBox) {
  const TrainingSample sample = with_boxes();
  AugmentOptions options;
  options.min_cover = 1;
  // The box of class 0 is 20 x 20 pixels; of the crop from (left, top) on (20 - left) x (20 - top) of them
  // are seen.
  options.min_ignored = 1;
  options.min_visible = 0.25;
  EXPECT_EQ(targets_of(sample, {10, 10, 40, 40}, options)[0], 1);
  EXPECT_EQ(targets_of(sample, {11, 10, 40, 40}, options)[0], 0);
  options.min_visible = 0.7;
  EXPECT_EQ(targets_of(sample, {5, 0, 40, 40}, options)[0], 1);
  EXPECT_EQ(targets_of(sample, {7, 0, 40, 40}, options)[0], 0);
  options.min_visible = 0;  // even so something of it must be seen
  EXPECT_EQ(targets_of(sample, {21, 0, 30, 30}, options)[0], 0);
}

TEST(Targets, OfWhatIsHardlySeenAreIgnored) {
  TrainingSample sample = with_boxes();
  AugmentOptions options;
  options.min_cover = 1;
  options.min_visible = 0.25;
  options.min_ignored = 0.04;
  EXPECT_EQ(targets_of(sample, {10, 10, 40, 40}, options)[0], 1);
  EXPECT_EQ(targets_of(sample, {11, 10, 40, 40}, options)[0], kIgnored);
  EXPECT_EQ(targets_of(sample, {16, 16, 40, 40}, options)[0], kIgnored);
  EXPECT_EQ(targets_of(sample, {17, 16, 40, 40}, options)[0], 0);
  // Another box of the class decides.
  sample.boxes.push_back({.label = 0, .left = 0.4f, .top = 0.4f, .right = 0.5f, .bottom = 0.5f});
  EXPECT_EQ(targets_of(sample, {11, 10, 40, 40}, options)[0], 1);
}

TEST(Targets, OrThatTheBoxFillsTheCrop) {
  const TrainingSample sample = with_boxes();
  AugmentOptions options;
  options.min_visible = options.min_ignored = 1;  // class 1 fills the right half of the picture
  options.min_cover = 0.5;
  EXPECT_EQ(targets_of(sample, {40, 0, 20, 20}, options)[1], 1);
  EXPECT_EQ(targets_of(sample, {39, 0, 20, 20}, options)[1], 0);
}

TEST(Targets, OfTheWholePictureWithoutBoxAwareness) {
  AugmentOptions options;
  options.box_aware = false;
  EXPECT_EQ(targets_of(with_boxes(), {20, 30, 10, 10}, options), (std::vector<float>{1, 1, 1, 0}));
}

TEST(DrawCrop, IsDrawnAnewWhereItShowsNothing) {
  TrainingSample sample = with_boxes();
  sample.labels = {0};  // in a corner that few crops show
  AugmentOptions options;
  options.crop_scale = {0.1, 0.2};
  std::vector<int> shown(3);
  int i = 0;
  for (const int redraws : {0, 3, 20}) {
    options.redraws = redraws;
    for (int s = 0; s < 2000; ++s) {
      SampleRng rng(4, 0, s);
      const Region crop = draw_crop(sample, {100, 100}, options, rng);
      shown[static_cast<std::size_t>(i)] += targets_of(sample, crop, options)[0] == 1;
    }
    ++i;
  }
  EXPECT_GT(shown[1], 2 * shown[0]);
  EXPECT_GT(shown[2], shown[1]);
  EXPECT_GT(shown[2], 1000);
  // A label that has no box is shown by any crop, so that there is nothing to draw anew for.
  sample.labels = {0, 2};
  SampleRng with(5), without(5);
  options.redraws = 20;
  AugmentOptions once = options;
  once.redraws = 0;
  EXPECT_TRUE(draw_crop(sample, {100, 100}, options, with) == draw_crop(sample, {100, 100}, once, without));
}

TEST(ResizeCrop, FromAPartIsAsFromTheWhole) {
  const Image picture = make_picture(97, 61, 3);
  const Size full{61, 97};
  AugmentOptions options;
  options.size = 32;
  const std::size_t bytes = 32 * 32 * 3;
  for (const Region crop :
       {Region{0, 0, 97, 61}, Region{10, 5, 32, 32}, Region{90, 55, 7, 6}, Region{3, 0, 80, 1}}) {
    std::vector<std::uint8_t> whole(bytes), part(bytes);
    resize_crop({.pixels = picture, .full = full}, crop, options, whole.data());
    const Region read = region_of_crop(crop, full, options);
    EXPECT_LE(read.left, crop.left);
    Image held{.width = read.width, .height = read.height, .rgb = {}};
    for (int y = read.top; y < read.top + read.height; ++y) {
      const std::uint8_t* row = picture.row(y) + read.left * 3;
      held.rgb.insert(held.rgb.end(), row, row + read.width * 3);
    }
    resize_crop({.pixels = held, .full = full, .left = read.left, .top = read.top}, crop, options,
                part.data());
    EXPECT_EQ(whole, part);
    if (read.top > 0 || read.left > 0) {
      EXPECT_THROW(resize_crop({.pixels = held, .full = full}, crop, options, part.data()), Error);
    }
  }
}

}  // namespace
}  // namespace resnet::train
