// The GPUs of this machine, and why there is none. Free of CUDA's headers, and there in every build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace resnet::cuda {

struct Device {
  int index = 0;  // as in cuda:0
  std::string name;
  int major = 0, minor = 0;  // compute capability
  std::uint64_t memory_bytes = 0;
  std::string problem;  // why kernels of this build do not run on it; empty where they do
};

struct DeviceList {
  std::vector<Device> devices;
  std::string problem;  // why no device can be used; empty where one can
};

// Asked of the driver at the first call, and the same from then on. Never throws for want of a driver.
const DeviceList& devices();

// "cuda:0 NVIDIA H200 (sm_90, 139.8 GiB)", comma-separated; or the problem.
std::string describe(const DeviceList& list);

// Whether the backend `cuda` has kernels for one of them: it is written for Hopper (sm_90) alone.
bool has_hopper(const DeviceList& list);

// The device of this index. Throws Error{device_unavailable} that says why it cannot be used, or which ones
// there are.
const Device& require_device(const DeviceList& list, int index);

}  // namespace resnet::cuda
