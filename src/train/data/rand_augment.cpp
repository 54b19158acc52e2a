#include "train/data/rand_augment.hpp"

#include <array>
#include <cmath>

namespace resnet::train {
namespace {

constexpr double kMostShear = 0.3;            // pixels along for each pixel across
constexpr double kMostShift = 150.0 / 331.0;  // of the side
constexpr double kMostDegrees = 30;
constexpr double kMostEnhancement = 0.9;  // factors 0.1 … 1.9
constexpr int kMostBitsLost = 4;          // of 8

float factor(double magnitude) {
  return static_cast<float>(1 + kMostEnhancement * magnitude);
}

constexpr std::array<RandAugmentOp, 14> kOps{{
    {"identity", [](Pixels, double, Colour) {}, false},
    {"shear_x", [](Pixels p, double m, Colour fill) { transform(p, shear(kMostShear * m, 0, p.size), fill); },
     true},
    {"shear_y", [](Pixels p, double m, Colour fill) { transform(p, shear(0, kMostShear * m, p.size), fill); },
     true},
    {"translate_x",
     [](Pixels p, double m, Colour fill) {
       transform(p, translation(std::trunc(kMostShift * p.size * m), 0), fill);
     },
     true},
    {"translate_y",
     [](Pixels p, double m, Colour fill) {
       transform(p, translation(0, std::trunc(kMostShift * p.size * m)), fill);
     },
     true},
    {"rotate",
     [](Pixels p, double m, Colour fill) { transform(p, rotation(p.size, kMostDegrees * m), fill); }, true},
    {"brightness", [](Pixels p, double m, Colour) { adjust_brightness(p, factor(m)); }, true},
    {"saturation", [](Pixels p, double m, Colour) { adjust_saturation(p, factor(m)); }, true},
    {"contrast", [](Pixels p, double m, Colour) { adjust_contrast(p, factor(m)); }, true},
    {"sharpness", [](Pixels p, double m, Colour) { adjust_sharpness(p, factor(m)); }, true},
    {"posterize",
     [](Pixels p, double m, Colour) { posterize(p, 8 - static_cast<int>(std::round(kMostBitsLost * m))); },
     false},
    {"solarize", [](Pixels p, double m, Colour) { solarize(p, static_cast<int>(std::ceil(255 * (1 - m)))); },
     false},
    {"auto_contrast", [](Pixels p, double, Colour) { auto_contrast(p); }, false},
    {"equalize", [](Pixels p, double, Colour) { equalize(p); }, false},
}};

}  // namespace

std::span<const RandAugmentOp> rand_augment_ops() noexcept {
  return kOps;
}

void rand_augment(Pixels pixels, int ops, int magnitude, Colour fill, SampleRng& rng) {
  for (int i = 0; i < ops; ++i) {
    const RandAugmentOp& op = kOps[static_cast<std::size_t>(rng.below(kOps.size()))];
    double strength = static_cast<double>(magnitude) / kMaxMagnitude;
    if (op.is_signed && rng.chance(0.5)) strength = -strength;
    op.apply(pixels, strength, fill);
  }
}

}  // namespace resnet::train
