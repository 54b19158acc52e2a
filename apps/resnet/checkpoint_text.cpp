#include "checkpoint_text.hpp"

#include "verify/comparison.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace resnet::cli {

std::string checkpoint_header(bool with_time) {
  return fmt::format("{:<14} {:<20} {:>9} {:>9} {:>9} {:>14}{}\n", "module", "shape", "max_abs", "of max",
                     "mean_abs", "cosine", with_time ? "         ms" : "");
}

std::string checkpoint_row(const verify::CheckpointResult& result, bool with_time) {
  const verify::Difference& d = result.difference;
  const std::string time = with_time ? fmt::format(" {:>10.3f}", result.ms) : std::string();
  return fmt::format("{:<14} {:<20} {:>9.2e} {:>9.2e} {:>9.2e} {:>14.12f}{}  {}\n", result.module,
                     result.shape.to_string(), d.max_abs, d.max_abs_rel(), d.mean_abs, d.cosine, time,
                     result.ok ? "OK" : "FAIL " + failure_text(result));
}

std::string failure_text(const verify::CheckpointResult& result) {
  std::string text = result.reason;
  if (result.first_wrong) {
    text += fmt::format("; first at {}: {:.9g}, expected {:.9g}",
                        verify::position(result.shape, result.first_wrong->index), result.first_wrong->ours,
                        result.first_wrong->expected);
  }
  return text;
}

std::string tolerance_text(const verify::Tolerance& tolerance) {
  if (std::isfinite(tolerance.max_abs_rel))
    return fmt::format("{:.0e} of max|expected|", tolerance.max_abs_rel);
  return fmt::format("cosine {}", tolerance.min_cosine);
}

Json checkpoint_json(const verify::CheckpointResult& result, bool with_time) {
  const verify::Difference& d = result.difference;
  Json object;
  object["module"] = result.module;
  object["shape"] = result.shape.dims();
  object["max_abs"] = d.max_abs;
  object["max_abs_rel"] = d.max_abs_rel();
  object["mean_abs"] = d.mean_abs;
  object["cosine"] = d.cosine;
  if (with_time) object["ms"] = result.ms;
  object["ok"] = result.ok;
  if (result.ours_from_float64) object["max_abs_rel_float64"] = *result.ours_from_float64;
  if (result.reference_from_float64) object["reference_max_abs_rel_float64"] = *result.reference_from_float64;
  if (!result.ok) object["reason"] = result.reason;
  if (result.first_wrong) {
    object["first_wrong"] = {{"index", verify::coordinates(result.shape, result.first_wrong->index)},
                             {"ours", result.first_wrong->ours},
                             {"expected", result.first_wrong->expected}};
  }
  return object;
}

}  // namespace resnet::cli
