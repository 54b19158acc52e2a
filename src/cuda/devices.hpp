// The GPUs of this machine, and why there is none. Free of CUDA's headers, and there in every build.
#pragma once

#include "cuda/families.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace resnet::cuda {

struct Device {
  int index = 0;  // as in cuda:0
  std::string name;
  int major = 0, minor = 0;  // compute capability
  std::uint64_t memory_bytes = 0;
  int code = 0;  // what its kernels were compiled for: 80 for sm_80
  std::vector<Family>
      families{};       // of the backend cuda, fastest first; empty where it has none for the device
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

// Whether the backend `cuda` has kernels for one of them.
bool has_families(const DeviceList& list);

// "cuda:0 sm90": the families of each device that has any, or what to change.
std::string describe_families(const DeviceList& list);

// Those of the device of this index. Throws Error{device_unavailable} as require_device(), and where the
// backend has none for it.
const std::vector<Family>& require_families(const DeviceList& list, int index);

// The device of this index. Throws Error{device_unavailable} that says why it cannot be used, or which ones
// there are.
const Device& require_device(const DeviceList& list, int index);

// Throws Error{unsupported} where these devices of the list (each of which require_device() gives) are not of
// one compute capability: kernels and their order of addition are chosen by it, so they would give different
// bits.
void require_alike(const DeviceList& list, const std::vector<int>& indices);

}  // namespace resnet::cuda
