#include "model/architecture_match.hpp"

#include "model/file_view.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

constexpr std::int64_t kMostClasses = 1 << 20;
constexpr std::string_view kBatchCounter = ".num_batches_tracked";

int classes_of(const NamedShapes& tensors) {
  for (const char* name : {"fc.weight", "fc.bias"}) {
    const auto it = tensors.find(name);
    if (it == tensors.end() || it->second.rank() == 0) continue;
    if (const std::int64_t classes = it->second[0]; classes >= 1 && classes <= kMostClasses) {
      return static_cast<int>(classes);
    }
  }
  return 1000;
}

// "a [1], b [2], … and 12 more"
std::string list(const std::vector<std::string>& items) {
  constexpr std::size_t kMostListed = 64;
  const std::size_t shown = std::min(items.size(), kMostListed);
  std::string text =
      fmt::format("{}", fmt::join(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (items.size() > shown) text += fmt::format(" and {} more", items.size() - shown);
  return text;
}

}  // namespace

Architecture closest_architecture(const NamedShapes& tensors, const std::string& file) {
  int best_depth = 0;
  std::int64_t best_score = 0;
  for (const int depth : {18, 34, 50}) {
    std::size_t known = 0;
    const Architecture candidate(depth, 1);
    for (const TensorSpec& spec : candidate.tensors()) known += tensors.contains(spec.name);
    // What is known in both counts for the candidate; what it lacks counts against it.
    const auto score =
        3 * static_cast<std::int64_t>(known) - static_cast<std::int64_t>(candidate.tensors().size());
    if (known > 0 && (best_depth == 0 || score > best_score)) {
      best_depth = depth, best_score = score;
    }
  }
  if (best_depth == 0) {
    throw Error(
        ErrorCode::bad_format,
        fmt::format("{}: none of its {} tensors bears a ResNet's name (conv1.weight, layer1.0.conv1.weight, "
                    "..., fc.bias)",
                    file, tensors.size()));
  }
  if (tensors.contains("layer3.6.conv3.weight")) {
    throw Error(ErrorCode::unsupported,
                file + ": a ResNet deeper than 50 layers; ResNet-18, -34 and -50 are read");
  }
  return Architecture(best_depth, classes_of(tensors));
}

void require_exact_tensors(const Architecture& architecture, const NamedShapes& tensors,
                           const std::string& file) {
  std::vector<std::string> missing, wrong, extra;
  std::set<std::string, std::less<>> known;
  for (const TensorSpec& spec : architecture.tensors()) {
    known.insert(spec.name);
    if (spec.kind == TensorKind::bn_buffer) {
      known.insert(spec.name.substr(0, spec.name.rfind('.')).append(kBatchCounter));
    }
    const auto it = tensors.find(spec.name);
    if (it == tensors.end()) {
      missing.push_back(fmt::format("{} {}", spec.name, spec.shape.to_string()));
    } else if (it->second != spec.shape) {
      wrong.push_back(
          fmt::format("{} is {}, not {}", spec.name, it->second.to_string(), spec.shape.to_string()));
    }
  }
  for (const auto& [name, shape] : tensors) {
    if (!known.contains(name)) extra.push_back(fmt::format("{} {}", printable(name), shape.to_string()));
  }
  if (missing.empty() && wrong.empty() && extra.empty()) return;

  std::string message =
      fmt::format("{}: not a whole {} with {} classes", file, architecture.name(), architecture.classes());
  if (!missing.empty()) message += fmt::format("; missing: {}", list(missing));
  if (!wrong.empty()) message += fmt::format("; wrong shape: {}", list(wrong));
  if (!extra.empty()) message += fmt::format("; no part of it: {}", list(extra));
  throw Error(!missing.empty() ? ErrorCode::not_found
              : !wrong.empty() ? ErrorCode::shape_mismatch
                               : ErrorCode::bad_format,
              message);
}

}  // namespace resnet::formats
