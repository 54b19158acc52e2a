#include "train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace resnet::train {
namespace {

// From `begin` at t = 0 to `end` at t = 1 along half a cosine.
double cosine_between(double begin, double end, double t) {
  return end + (begin - end) * (1 + std::cos(std::numbers::pi * std::clamp(t, 0.0, 1.0))) / 2;
}

}  // namespace

double schedule_factor(const Schedule& schedule, std::int64_t step) {
  const auto at = static_cast<double>(step), warmup = static_cast<double>(schedule.warmup);
  const auto last = static_cast<double>(schedule.steps - 1);
  if (schedule.kind == "one_cycle") {
    constexpr double kFirst = 1.0 / 25, kLast = kFirst * 1e-4;
    const double peak = warmup - 1;
    if (at <= peak) return peak > 0 ? cosine_between(kFirst, 1, at / peak) : 1;
    return cosine_between(1, kLast, (at - peak) / std::max(last - peak, 1.0));
  }
  if (step < schedule.warmup) return (at + 1) / warmup;
  if (schedule.kind == "constant") return 1;
  return cosine_between(1, schedule.final_scale, (at - warmup) / std::max(last - warmup, 1.0));
}

}  // namespace resnet::train
