#include "verify/directory_comparison.hpp"

#include "verify/checkpoints.hpp"
#include "verify/tensor_file.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".bin";
constexpr std::string_view kFloat64Suffix = ".f64.bin";

std::set<std::string> tensor_names(const fs::path& directory) {
  std::error_code error;
  std::set<std::string> names;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, error)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(kSuffix) && !name.ends_with(kFloat64Suffix)) {
      names.insert(name.substr(0, name.size() - kSuffix.size()));
    }
  }
  if (error) throw Error(ErrorCode::not_found, fmt::format("{}: {}", directory.string(), error.message()));
  if (names.empty()) {
    throw Error(ErrorCode::not_found,
                directory.string() + ": no NAME.bin in it: give a directory of tensor files");
  }
  return names;
}

std::optional<ReferenceDirectory> open_reference(const fs::path& directory) {
  if (!fs::exists(directory / "reference.json")) return std::nullopt;
  return ReferenceDirectory(directory);
}

}  // namespace

bool DirectoryComparison::ok() const noexcept {
  return !results.empty() && first_bad() == nullptr;
}

const CheckpointResult* DirectoryComparison::first_bad() const noexcept {
  const auto bad =
      std::find_if(results.begin(), results.end(), [](const CheckpointResult& r) { return !r.ok; });
  return bad == results.end() ? nullptr : &*bad;
}

DirectoryComparison compare_directories(const fs::path& a, const fs::path& b, Precision precision) {
  const std::set<std::string> in_a = tensor_names(a), in_b = tensor_names(b);
  const std::optional<ReferenceDirectory> reference_a = open_reference(a), reference_b = open_reference(b);
  const ReferenceDirectory* shapes = reference_b ? &*reference_b : reference_a ? &*reference_a : nullptr;

  DirectoryComparison comparison;
  std::set<std::string> both;
  std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::inserter(both, both.end()));
  std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                      std::back_inserter(comparison.only_in_a));
  std::set_difference(in_b.begin(), in_b.end(), in_a.begin(), in_a.end(),
                      std::back_inserter(comparison.only_in_b));
  if (both.empty()) {
    throw Error(ErrorCode::not_found,
                fmt::format("{} and {} have no tensor of the same name", a.string(), b.string()));
  }

  std::vector<std::string> ordered;
  if (shapes != nullptr) {
    for (const std::string& name : checkpoint_names(shapes->architecture())) {
      if (both.erase(name) > 0) ordered.push_back(name);
    }
  }
  ordered.insert(ordered.end(), both.begin(), both.end());

  for (const std::string& name : ordered) {
    const std::vector<float> ours = read_f32(a / (name + std::string(kSuffix)));
    const std::vector<float> expected = read_f32(b / (name + std::string(kSuffix)));
    if (ours.size() != expected.size()) {
      throw Error(ErrorCode::shape_mismatch, fmt::format("{}: {} values in {}, {} in {}", name, ours.size(),
                                                         a.string(), expected.size(), b.string()));
    }
    const auto count = static_cast<std::int64_t>(ours.size());
    const bool shaped = shapes != nullptr && shapes->has(name) && shapes->shape(name).numel() == count;
    comparison.results.push_back(judge(name, shaped ? shapes->shape(name) : Shape{count}, ours, expected,
                                       tolerance({.precision = precision, .model = {}, .module = name})));
  }
  return comparison;
}

}  // namespace resnet::verify
