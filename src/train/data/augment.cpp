#include "train/data/augment.hpp"

#include "train/data/pixel_ops.hpp"
#include "train/data/rand_augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

constexpr int kLargestSize = 4096;  // pixels; no network here is trained on more
constexpr int kErasingDraws = 10;   // of a rectangle that fits, as torchvision's RandomErasing

// A factor of colour jitter.
float draw_factor(double strength, SampleRng& rng) {
  return static_cast<float>(rng.uniform(std::max(0.0, 1 - strength), 1 + strength));
}

void jitter_colours(Pixels pixels, const AugmentOptions& options, SampleRng& rng) {
  struct Step {
    double strength;
    void (*adjust)(Pixels, float);
  };
  std::array steps{Step{options.brightness, adjust_brightness}, Step{options.contrast, adjust_contrast},
                   Step{options.saturation, adjust_saturation}};
  for (std::size_t i = steps.size() - 1; i > 0; --i) {
    std::swap(steps[i], steps[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(i) + 1))]);
  }
  for (const Step& step : steps) {
    if (step.strength > 0) step.adjust(pixels, draw_factor(step.strength, rng));
  }
}

void cut_out(Pixels pixels, const AugmentOptions& options, SampleRng& rng) {
  const double area = static_cast<double>(pixels.size) * pixels.size;
  for (int i = 0; i < kErasingDraws; ++i) {
    const double target = area * rng.uniform(options.cutout_scale.from, options.cutout_scale.to);
    const double ratio =
        std::exp(rng.uniform(std::log(options.cutout_ratio.from), std::log(options.cutout_ratio.to)));
    const int width = static_cast<int>(std::round(std::sqrt(target * ratio)));
    const int height = static_cast<int>(std::round(std::sqrt(target / ratio)));
    if (width > pixels.size || height > pixels.size) continue;
    const auto top = static_cast<int>(rng.below(pixels.size - height + 1));
    const auto left = static_cast<int>(rng.below(pixels.size - width + 1));
    return fill_rectangle(pixels, left, top, width, height, options.fill);
  }
}

}  // namespace

void check_options(const AugmentOptions& o) {
  const auto require = [](bool holds, std::string_view name, double value, std::string_view range) {
    if (!holds) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("augmentation: {} is {}, but must be {}", name, value, range));
    }
  };
  require(o.size >= 1 && o.size <= kLargestSize, "size", o.size, "1 … 4096 pixels");
  struct Named {
    std::string_view name;
    double value;
  };
  for (const Named& p : {Named{"flip", o.flip}, Named{"cutout", o.cutout}, Named{"mixup", o.mixup},
                         Named{"min_visible", o.min_visible}, Named{"min_cover", o.min_cover},
                         Named{"min_ignored", o.min_ignored}}) {
    require(p.value >= 0 && p.value <= 1, p.name, p.value, "0 … 1");
  }
  for (const Named& p : {Named{"brightness", o.brightness}, Named{"contrast", o.contrast},
                         Named{"saturation", o.saturation}}) {
    require(p.value >= 0 && p.value <= 10, p.name, p.value, "0 … 10");
  }
  const auto require_range = [&](const Range& r, std::string_view name, double most) {
    require(r.from > 0 && r.from <= most, name, r.from, fmt::format("above 0 and at most {}", most));
    require(r.to >= r.from && r.to <= most, name, r.to, fmt::format("{} … {}", r.from, most));
  };
  require_range(o.crop_scale, "crop_scale", 1);
  require_range(o.crop_ratio, "crop_ratio", 100);
  require_range(o.cutout_scale, "cutout_scale", 1);
  require_range(o.cutout_ratio, "cutout_ratio", 100);
  require(o.redraws >= 0 && o.redraws <= 100, "redraws", o.redraws, "0 … 100");
  require(o.randaugment_ops >= 0 && o.randaugment_ops <= 100, "randaugment_ops", o.randaugment_ops,
          "0 … 100");
  require(o.randaugment_magnitude >= 0 && o.randaugment_magnitude <= kMaxMagnitude, "randaugment_magnitude",
          o.randaugment_magnitude, "0 … 30");
}

void change_pixels(std::uint8_t* rgb, const AugmentOptions& options, SampleRng& rng) {
  const Pixels pixels{rgb, options.size};
  if (rng.chance(options.flip)) flip(pixels);
  rand_augment(pixels, options.randaugment_ops, options.randaugment_magnitude, options.fill, rng);
  jitter_colours(pixels, options, rng);
  if (rng.chance(options.cutout)) cut_out(pixels, options, rng);
}

int draw_mixup(const AugmentOptions& options, SampleRng& rng) {
  if (options.mixup <= 0) return 0;
  return static_cast<int>(rng.symmetric_beta(options.mixup) * 256 + 0.5);
}

void mix(std::span<std::uint8_t> pixels, std::span<const std::uint8_t> other, int share) {
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>((pixels[i] * (256 - share) + other[i] * share + 128) >> 8);
  }
}

void mix(std::span<float> targets, std::span<const float> other, int share) {
  const float theirs = static_cast<float>(share) / 256;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool ignored = targets[i] == kIgnored || other[i] == kIgnored;
    targets[i] = ignored ? kIgnored : targets[i] * (1 - theirs) + other[i] * theirs;
  }
}

}  // namespace resnet::train
