// What is the same in a build with CUDA and in one without.
#include "cuda/devices.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <resnet/error.hpp>

namespace resnet::cuda {

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

bool has_hopper(const DeviceList& list) {
  return std::any_of(list.devices.begin(), list.devices.end(),
                     [](const Device& d) { return d.problem.empty() && d.major == 9 && d.minor == 0; });
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

}  // namespace resnet::cuda
