#include "step_text.hpp"

#include "checkpoint_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace resnet::cli {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kShortNames{{
    {"sgemm_tiled", "gemm"},
    {"bn_inference", "bn"},
    {"maxpool2d", "pool"},
    {"global_avgpool", "pool"},
    {"fully_connected", "fc"},
    {"batch_norm", "bn"},
    {"max_pool", "pool"},
    {"global_average_pool", "pool"},
}};

std::string stage_of(const std::string& kernel) {
  for (const auto& [name, stage] : kShortNames) {
    if (kernel == name) return std::string(stage);
  }
  return kernel;
}

// 1e-4 rather than fmt's 1e-04.
std::string short_power(double value) {
  std::string text = fmt::format("{:.0e}", value);
  if (const std::size_t zero = text.find("e-0"); zero != std::string::npos) text.erase(zero + 2, 1);
  return text;
}

}  // namespace

void StageTimes::add(const LayerTrace& layer) {
  const std::string stage = stage_of(layer.kernel);
  const auto known =
      std::find_if(stages_.begin(), stages_.end(), [&](const auto& entry) { return entry.first == stage; });
  if (known == stages_.end()) {
    stages_.emplace_back(stage, layer.ms);
  } else {
    known->second += layer.ms;
  }
}

std::string StageTimes::text() const {
  std::string text;
  for (const auto& [stage, ms] : stages_) text += fmt::format("{:<6}: {:.3f} ms\n", stage, ms);
  return text;
}

std::string difference_text(const verify::CheckpointResult& result) {
  return fmt::format("Diff  : max_abs={:.2e} mean_abs={:.2e}\n", result.difference.max_abs,
                     result.difference.mean_abs);
}

std::string limit_text(const verify::Tolerance& tolerance) {
  return tolerance.max_abs ? "atol " + short_power(*tolerance.max_abs) : tolerance_text(tolerance);
}

}  // namespace resnet::cli
