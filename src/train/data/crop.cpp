// Crops: where they are, which labels they have, and their pixels.
#include "image/resample.hpp"
#include "train/data/augment.hpp"

#include <algorithm>
#include <cmath>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

using image::Region;

constexpr int kCropDraws = 10;  // of an area and a ratio that fit, as torchvision's

// RandomResizedCrop (Szegedy et al. 2015, as torchvision has it): area uniform, ratio uniform in its
// logarithm. Where nothing fits, the middle of the picture, as much of it as has a permitted ratio.
Region draw_region(Size picture, const AugmentOptions& options, SampleRng& rng) {
  const double area = static_cast<double>(picture.width) * picture.height;
  const double unit = options.relative_ratio ? static_cast<double>(picture.width) / picture.height : 1;
  const Range ratios{options.crop_ratio.from * unit, options.crop_ratio.to * unit};
  for (int i = 0; i < kCropDraws; ++i) {
    const double target = area * rng.uniform(options.crop_scale.from, options.crop_scale.to);
    const double ratio = std::exp(rng.uniform(std::log(ratios.from), std::log(ratios.to)));
    const double width = std::round(std::sqrt(target * ratio));
    const double height = std::round(std::sqrt(target / ratio));
    if (width >= 1 && width <= picture.width && height >= 1 && height <= picture.height) {
      const int w = static_cast<int>(width);
      const int h = static_cast<int>(height);
      const auto top = static_cast<int>(rng.below(picture.height - h + 1));
      const auto left = static_cast<int>(rng.below(picture.width - w + 1));
      return {left, top, w, h};
    }
  }
  int width = picture.width;
  int height = picture.height;
  const double ratio = static_cast<double>(width) / height;
  if (ratio < ratios.from) {
    height = std::clamp(static_cast<int>(std::round(width / ratios.from)), 1, picture.height);
  } else if (ratio > ratios.to) {
    width = std::clamp(static_cast<int>(std::round(height * ratios.to)), 1, picture.width);
  }
  return {(picture.width - width) / 2, (picture.height - height) / 2, width, height};
}

struct Visible {
  double of_box;   // the share of the box's area that the crop shows
  double of_crop;  // the share of the crop that this fills
};

Visible visible(const ObjectBox& box, Size picture, const Region& crop) {
  const auto overlap = [](double from, double to, int side, int begin, int length) {
    return std::max(0.0, std::min(to * side, static_cast<double>(begin + length)) -
                             std::max(from * side, static_cast<double>(begin)));
  };
  const double width = static_cast<double>(box.right - box.left) * picture.width;
  const double height = static_cast<double>(box.bottom - box.top) * picture.height;
  const double area = overlap(static_cast<double>(box.left), static_cast<double>(box.right), picture.width,
                              crop.left, crop.width) *
                      overlap(static_cast<double>(box.top), static_cast<double>(box.bottom), picture.height,
                              crop.top, crop.height);
  if (area <= 0) return {0, 0};
  return {area / (width * height), area / (static_cast<double>(crop.width) * crop.height)};
}

// 1, 0 or kIgnored. A label without a box may be anywhere: it is taken to be in every crop.
float target_of(const TrainingSample& sample, int label, Size picture, const Region& crop,
                const AugmentOptions& options) {
  bool has_box = false;
  float target = 0;
  for (const ObjectBox& box : sample.boxes) {
    if (box.label != label) continue;
    has_box = true;
    const Visible seen = visible(box, picture, crop);
    if (seen.of_box <= 0) continue;
    if (seen.of_box >= options.min_visible || seen.of_crop >= options.min_cover) return 1;
    if (seen.of_box >= options.min_ignored) target = kIgnored;
  }
  return has_box && options.box_aware ? target : 1;
}

struct CropAxes {
  image::ResampleAxis columns, rows;
};

CropAxes crop_axes(const Region& crop, Size picture, const AugmentOptions& options) {
  const auto axis = [&](int side, int from, int length) {
    return image::make_axis(side, from, from + length, options.size, 0, options.size, options.interpolation);
  };
  return {axis(picture.width, crop.left, crop.width), axis(picture.height, crop.top, crop.height)};
}

}  // namespace

Region draw_crop(const TrainingSample& sample, Size picture, const AugmentOptions& options, SampleRng& rng) {
  Region crop = draw_region(picture, options, rng);
  for (int i = 0; i < options.redraws && !sample.labels.empty(); ++i) {
    if (std::any_of(sample.labels.begin(), sample.labels.end(),
                    [&](int label) { return target_of(sample, label, picture, crop, options) == 1; })) {
      break;
    }
    crop = draw_region(picture, options, rng);
  }
  return crop;
}

void set_targets(const TrainingSample& sample, Size picture, const Region& crop,
                 const AugmentOptions& options, std::span<float> targets) {
  std::fill(targets.begin(), targets.end(), 0.0f);
  for (const int label : sample.labels) {
    targets[static_cast<std::size_t>(label)] = target_of(sample, label, picture, crop, options);
  }
}

Region region_of_crop(const Region& crop, Size picture, const AugmentOptions& options) {
  const CropAxes axes = crop_axes(crop, picture, options);
  return {axes.columns.input_begin(), axes.rows.input_begin(),
          axes.columns.input_end() - axes.columns.input_begin(),
          axes.rows.input_end() - axes.rows.input_begin()};
}

void resize_crop(const PictureView& picture, const Region& crop, const AugmentOptions& options,
                 std::uint8_t* pixels) {
  const CropAxes axes = crop_axes(crop, picture.full, options);
  const Image& held = picture.pixels;
  if (axes.columns.input_begin() < picture.left || axes.columns.input_end() > picture.left + held.width ||
      axes.rows.input_begin() < picture.top || axes.rows.input_end() > picture.top + held.height) {
    throw Error(ErrorCode::invalid_argument, "a crop reads more of its picture than was decoded");
  }
  image::resample(image::best_resample_kernels(), held, picture.left, picture.top, axes.columns, axes.rows,
                  pixels, static_cast<std::size_t>(options.size) * 3);
}

}  // namespace resnet::train
