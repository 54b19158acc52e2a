// RandAugment (Cubuk, Zoph, Shlens, Le: "RandAugment: Practical automated data augmentation with a reduced
// search space", 2020): a few operations drawn from one list, all of one magnitude. The list and what a
// magnitude means are torchvision's.
#pragma once

#include "train/data/pixel_ops.hpp"
#include "train/data/sample_rng.hpp"

#include <span>
#include <string_view>

namespace resnet::train {

inline constexpr int kMaxMagnitude = 30;

struct RandAugmentOp {
  std::string_view name;
  // magnitude: 0 (nothing) … 1 (the most); negative ones turn, shear, shift or adjust the other way.
  void (*apply)(Pixels pixels, double magnitude, Colour fill);
  bool is_signed;
};
std::span<const RandAugmentOp> rand_augment_ops() noexcept;

void rand_augment(Pixels pixels, int ops, int magnitude, Colour fill, SampleRng& rng);

}  // namespace resnet::train
