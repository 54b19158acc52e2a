#include "cuda/devices.hpp"

#include "cuda/architectures.hpp"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

namespace resnet::cuda {
namespace {

// The runtime's answers here are not errors but facts about the machine, so none of these calls throws.
std::string text_of(cudaError_t status) {
  static_cast<void>(cudaGetLastError());
  return fmt::format("{} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
}

Device query(int index) {
  Device device;
  device.index = index;
  cudaDeviceProp properties{};
  if (const cudaError_t status = cudaGetDeviceProperties(&properties, index); status != cudaSuccess) {
    device.problem = text_of(status);
    return device;
  }
  device.name = properties.name;
  device.major = properties.major;
  device.minor = properties.minor;
  device.memory_bytes = properties.totalGlobalMem;
  if (const auto code = code_for(RESNET_CUDA_ARCHITECTURES, device.major, device.minor)) {
    device.code = code->version;
    device.families = families_of(RESNET_CUDA_ARCHITECTURES, device.major, device.minor);
  } else {
    device.problem = fmt::format(
        "this build has kernels for {}, the device is sm_{}{}: build with "
        "-DRESNET_CUDA_ARCHITECTURES={}{}-real",
        describe_architectures(RESNET_CUDA_ARCHITECTURES), device.major, device.minor, device.major,
        device.minor);
  }
  return device;
}

DeviceList query_all() {
  DeviceList list;
  // Without a driver this fails as an insufficient one; the version tells the two apart.
  int version = 0, count = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess || version == 0) {
    list.problem = "no NVIDIA driver found (libcuda.so.1): install it, or give --device cpu";
    return list;
  }
  if (const cudaError_t status = cudaGetDeviceCount(&count); status == cudaErrorInsufficientDriver) {
    static_cast<void>(cudaGetLastError());
    list.problem =
        fmt::format("the NVIDIA driver is of CUDA {}.{}, older than the CUDA {}.{} of this build: update it",
                    version / 1000, version % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  } else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    list.problem = "the NVIDIA driver finds no GPU (is one hidden by CUDA_VISIBLE_DEVICES?)";
  } else if (status != cudaSuccess) {
    list.problem = "the NVIDIA driver does not start: " + text_of(status);
  }
  for (int index = 0; index < count; ++index) list.devices.push_back(query(index));
  return list;
}

}  // namespace

const DeviceList& devices() {
  static const DeviceList list = [] {
    DeviceList all = query_all();
    bool usable = false;
    for (const Device& device : all.devices) usable |= device.problem.empty();
    if (!usable && all.problem.empty()) all.problem = all.devices.front().problem;
    return all;
  }();
  return list;
}

}  // namespace resnet::cuda
