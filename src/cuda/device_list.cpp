// What is the same in a build with CUDA and in one without.
#include "cuda/devices.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

constexpr const char* kNoFamily =
    "its kernels are for Turing (sm_75) and later: give --device cpu, or --backend cuda_stepwise";

bool serves(const Device& device) {
  return device.problem.empty() && !device.families.empty();
}

// "sm90, mma".
std::string names_of(const Device& device) {
  std::vector<std::string_view> names;
  for (const Family family : device.families) names.push_back(to_string(family));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string describe(const DeviceList& list) {
  if (list.devices.empty()) return list.problem;
  std::vector<std::string> texts;
  for (const Device& d : list.devices) {
    const double gib = static_cast<double>(d.memory_bytes) / (1024.0 * 1024.0 * 1024.0);
    texts.push_back(fmt::format("cuda:{} {} (sm_{}{}, {:.1f} GiB{}{})", d.index, d.name, d.major, d.minor,
                                gib, d.problem.empty() ? "" : "; ", d.problem));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

bool has_families(const DeviceList& list) {
  return std::any_of(list.devices.begin(), list.devices.end(), [](const Device& d) { return serves(d); });
}

std::string describe_families(const DeviceList& list) {
  if (!has_families(list)) return kNoFamily;
  std::vector<std::string> texts;
  for (const Device& d : list.devices) {
    if (serves(d)) texts.push_back(fmt::format("cuda:{} {}", d.index, names_of(d)));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

const std::vector<Family>& require_families(const DeviceList& list, int index) {
  const Device& device = require_device(list, index);
  if (device.families.empty()) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("backend cuda does not run on cuda:{} ({}, sm_{}{}): {}", index, device.name,
                            device.major, device.minor, kNoFamily));
  }
  return device.families;
}

const Device& require_device(const DeviceList& list, int index) {
  if (list.devices.empty()) throw Error(ErrorCode::device_unavailable, "no GPU: " + list.problem);
  if (index < 0 || index >= static_cast<int>(list.devices.size())) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("there is no cuda:{} here: {}", index, describe(list)));
  }
  const Device& device = list.devices[static_cast<std::size_t>(index)];
  if (!device.problem.empty()) {
    throw Error(ErrorCode::device_unavailable,
                fmt::format("cuda:{} ({}) cannot be used: {}", index, device.name, device.problem));
  }
  return device;
}

void require_alike(const DeviceList& list, const std::vector<int>& indices) {
  const Device& first = require_device(list, indices.front());
  for (const int index : indices) {
    const Device& other = require_device(list, index);
    if (other.major == first.major && other.minor == first.minor) continue;
    throw Error(
        ErrorCode::unsupported,
        fmt::format("cuda:{} ({}, sm_{}{}) and cuda:{} ({}, sm_{}{}) would not give the same bits: name "
                    "GPUs of one architecture",
                    first.index, first.name, first.major, first.minor, other.index, other.name, other.major,
                    other.minor));
  }
}

}  // namespace resnet::cuda
