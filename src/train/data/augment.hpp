// From a decoded picture to what one sample of a batch shows: size x size pixels and their targets, both
// random, both decided by nothing but the options and the generator they are given.
//
// In this order: a crop is drawn and resized to the sample's size, turned left to right half of the time,
// changed by RandAugment, then in colour; a rectangle is cut out of it; last, another picture may be mixed
// in.
#pragma once

#include "image/decode_region.hpp"
#include "train/data/sample_rng.hpp"
#include "train/data/training_set.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <resnet/preprocess.hpp>

namespace resnet::train {

struct Range {
  double from = 0, to = 0;
};

struct AugmentOptions {
  int size = 224;  // height and width of a sample, in pixels
  Interpolation interpolation = Interpolation::bilinear;

  // The crop (torchvision's RandomResizedCrop): its area as a share of the picture's, its width over its
  // height. relative_ratio: that ratio over the picture's own, so that objects are distorted in training as
  // they are where whole pictures are resized to a square.
  Range crop_scale{0.25, 1.0};
  Range crop_ratio{3.0 / 4.0, 4.0 / 3.0};
  bool relative_ratio = false;

  // Where the picture has boxes: a crop has a label if it shows at least `min_visible` of the area of one of
  // its boxes, or if what it shows of one fills at least `min_cover` of the crop; a label of which it shows
  // less, but at least `min_ignored` of the area of a box, counts neither as there nor as absent. A crop that
  // has none of the picture's labels is drawn anew, up to `redraws` times. false: a crop has all labels of
  // its picture.
  bool box_aware = true;
  double min_visible = 0.25;
  double min_cover = 0.25;
  double min_ignored = 0.05;
  int redraws = 5;

  double flip = 0.5;  // probability of turning left to right

  // Colour jitter (torchvision's ColorJitter): factors uniform in [1 - x, 1 + x] (not below 0), in random
  // order.
  double brightness = 0.2;
  double contrast = 0.2;
  double saturation = 0.2;

  // RandAugment (Cubuk et al. 2020): this many operations of torchvision's list, of this magnitude (0 … 30).
  // 0: none.
  int randaugment_ops = 0;
  int randaugment_magnitude = 9;

  // Cutout (random erasing, Zhong et al. 2020): the probability, the area as a share of the sample's, width
  // over height.
  double cutout = 0;
  Range cutout_scale{0.02, 0.2};
  Range cutout_ratio{0.3, 3.3};

  // Mixup (Zhang et al. 2018): each sample is blended with another one by a share drawn from Beta(mixup,
  // mixup). Between 0 (none) and 1.
  double mixup = 0;

  std::array<std::uint8_t, 3> fill{124, 116, 104};  // where there are no pixels: ImageNet's mean colour
};

// Throws Error{invalid_argument}, naming the option, where a value is outside its range.
void check_options(const AugmentOptions& options);

// Draws the crop of a picture of that size (not below 1 x 1).
image::Region draw_crop(const TrainingSample& sample, Size picture, const AugmentOptions& options,
                        SampleRng& rng);

// The target of a label that may be called there or absent: losses leave it out.
inline constexpr float kIgnored = -1;

// Sets targets[c] = 1 for each label that a crop has, kIgnored where it shows little of it, 0 for the others.
void set_targets(const TrainingSample& sample, Size picture, const image::Region& crop,
                 const AugmentOptions& options, std::span<float> targets);

// A picture, or the part of one that was decoded.
struct PictureView {
  const Image& pixels;
  Size full;              // of the whole picture
  int left = 0, top = 0;  // where `pixels` lies in it
};

// What Pillow's resize((size, size), box=crop) gives, written to pixels[size][size][3]. Throws
// Error{invalid_argument} where the view holds too little of the picture.
void resize_crop(const PictureView& picture, const image::Region& crop, const AugmentOptions& options,
                 std::uint8_t* pixels);

// The part of a picture that resize_crop reads: a little more than the crop.
image::Region region_of_crop(const image::Region& crop, Size picture, const AugmentOptions& options);

// Everything after the resizing but mixup, in place: flip, RandAugment, colour jitter, cutout.
void change_pixels(std::uint8_t* pixels, const AugmentOptions& options, SampleRng& rng);

// How much of the other sample mixup blends in, in steps of 1 / 256 so that pixels and targets agree; 0
// without mixup.
int draw_mixup(const AugmentOptions& options, SampleRng& rng);

// pixels and targets become (256 - share) / 256 of themselves and share / 256 of the other ones; what is
// kIgnored in one of the two stays so.
void mix(std::span<std::uint8_t> pixels, std::span<const std::uint8_t> other, int share);
void mix(std::span<float> targets, std::span<const float> other, int share);

}  // namespace resnet::train
