#include "core/pixel_table.hpp"
#include "image/preprocess_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <resnet/error.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::image {
namespace {

// No picture is scaled up to more than Pillow would open without a warning about its size.
constexpr std::int64_t kMaxOutputPixels = 178'956'970;

void check(const Preprocess& p, Size picture) {
  const auto positive = [](Size s) { return s.height > 0 && s.width > 0; };
  if (!positive(picture))
    throw Error(ErrorCode::invalid_argument, "a picture of no pixels cannot be preprocessed");
  const bool resize_ok =
      p.resize.height > 0 && (p.resize_mode == ResizeMode::short_side || p.resize.width > 0);
  if (!resize_ok || (p.center_crop && !positive(*p.center_crop))) {
    throw Error(ErrorCode::invalid_argument, "preprocessing sizes must be at least 1");
  }
}

// A long side may reach any length here; only the part inside the crop is ever computed.
int checked_side(double side) {
  if (!(side <= std::numeric_limits<int>::max())) {
    throw Error(ErrorCode::too_large, fmt::format("the resized picture would be {:.0f} pixels long", side));
  }
  return static_cast<int>(side);
}

Size resized_size(const Preprocess& p, Size picture) {
  if (p.resize_mode == ResizeMode::exact) return p.resize;
  const bool portrait = picture.width <= picture.height;
  const int shorter = portrait ? picture.width : picture.height;
  const int longer = portrait ? picture.height : picture.width;
  // Python's int(size * long / short): an exact integer product, one rounded division, truncated.
  const double product = static_cast<double>(static_cast<std::int64_t>(p.resize.height) * longer);
  const int new_longer = checked_side(product / shorter);
  return portrait ? Size{new_longer, p.resize.height} : Size{p.resize.height, new_longer};
}

// torchvision's CenterCrop along one axis: zeros are added where the picture is too small (the odd one
// behind), else the offset is half the excess, rounded to even.
AxisCrop crop_axis(int size, int crop) {
  if (crop > size) return {.begin = 0, .end = size, .pad_before = (crop - size) / 2, .out_size = crop};
  const int excess = size - crop;
  const int half = excess / 2;
  const int begin = excess % 2 == 0 ? half : half + half % 2;
  return {.begin = begin, .end = begin + crop, .pad_before = 0, .out_size = crop};
}

}  // namespace

PreprocessPlan make_plan(const Preprocess& p, Size picture) {
  check(p, picture);
  PreprocessPlan plan;
  plan.resized = resized_size(p, picture);
  const Size crop = p.center_crop.value_or(plan.resized);
  if (static_cast<std::int64_t>(crop.height) * crop.width > kMaxOutputPixels) {
    throw Error(ErrorCode::too_large,
                fmt::format("preprocessing would give {} x {} pixels: add a centre crop or a smaller resize",
                            crop.width, crop.height));
  }
  plan.x = crop_axis(plan.resized.width, crop.width);
  plan.y = crop_axis(plan.resized.height, crop.height);
  return plan;
}

Axes make_axes(const PreprocessPlan& plan, Size picture, Interpolation interpolation) {
  return {make_axis(picture.width, plan.resized.width, plan.x.begin, plan.x.end, interpolation),
          make_axis(picture.height, plan.resized.height, plan.y.begin, plan.y.end, interpolation)};
}

Region region_read(const Axes& axes) {
  return {axes.columns.input_begin(), axes.rows.input_begin(),
          axes.columns.input_end() - axes.columns.input_begin(),
          axes.rows.input_end() - axes.rows.input_begin()};
}

namespace {

Image resize_and_crop_region(const Image& pixels, int left, int top, Size full,
                             const Preprocess& preprocess) {
  const PreprocessPlan plan = make_plan(preprocess, full);
  const Axes axes = make_axes(plan, full, preprocess.interpolation);
  const Region need = region_read(axes);
  if (need.left < left || need.top < top || need.left + need.width > left + pixels.width ||
      need.top + need.height > top + pixels.height ||
      pixels.rgb.size() <
          static_cast<std::size_t>(pixels.width) * static_cast<std::size_t>(pixels.height) * 3) {
    throw Error(ErrorCode::invalid_argument,
                "the window holds less of the picture than this preprocessing reads");
  }
  Image out;
  out.width = plan.x.out_size;
  out.height = plan.y.out_size;
  const std::size_t stride = static_cast<std::size_t>(out.width) * 3;
  out.rgb.resize(stride * static_cast<std::size_t>(out.height));
  std::uint8_t* first = out.rgb.data() + static_cast<std::size_t>(plan.y.pad_before) * stride +
                        static_cast<std::size_t>(plan.x.pad_before) * 3;
  resample(best_resample_kernels(), pixels, left, top, axes.columns, axes.rows, first, stride);
  return out;
}

void to_tensor(const Image& image, const Preprocess& preprocess, float* chw) {
  const std::size_t pixels = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  normalise(pixel_table(preprocess.mean, preprocess.std), image.rgb.data(), 1, pixels, chw);
}

}  // namespace
}  // namespace resnet::image

namespace resnet {

Size preprocessed_size(const Preprocess& preprocess, Size picture) {
  const image::PreprocessPlan plan = image::make_plan(preprocess, picture);
  return {plan.y.out_size, plan.x.out_size};
}

Image resize_and_crop(const Image& image, const Preprocess& preprocess) {
  return image::resize_and_crop_region(image, 0, 0, {image.height, image.width}, preprocess);
}

Image resize_and_crop(const ImageWindow& window, const Preprocess& preprocess) {
  return image::resize_and_crop_region(window.pixels, window.left, window.top, window.full, preprocess);
}

void preprocess_image(const Image& image, const Preprocess& preprocess, float* chw) {
  image::to_tensor(resize_and_crop(image, preprocess), preprocess, chw);
}

void preprocess_image(const ImageWindow& window, const Preprocess& preprocess, float* chw) {
  image::to_tensor(resize_and_crop(window, preprocess), preprocess, chw);
}

}  // namespace resnet
