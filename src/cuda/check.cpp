#include "cuda/check.hpp"

#include "cuda/architectures.hpp"

#include <string>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

struct Advice {
  ErrorCode code;
  std::string text;  // what to do, or ""
};

Advice advice_for(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return {ErrorCode::out_of_memory, "lower --batch, or free memory on the GPU"};
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return {ErrorCode::device_unavailable,
              "`resnet doctor` lists the GPUs; CUDA_VISIBLE_DEVICES may hide some"};
    case cudaErrorInsufficientDriver:
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorUnsupportedPtxVersion:
      return {ErrorCode::device_unavailable, "update the NVIDIA driver, or give --device cpu"};
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
      return {
          ErrorCode::device_unavailable,
          fmt::format("this build has kernels for {}: build with the device's in RESNET_CUDA_ARCHITECTURES",
                      describe_architectures(RESNET_CUDA_ARCHITECTURES))};
    case cudaErrorDevicesUnavailable:
      return {ErrorCode::device_unavailable, "another program holds the GPU for itself"};
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorSystemNotReady:
    case cudaErrorUnknown:
      return {ErrorCode::device_unavailable,
              "the GPU was lost: see the kernel's log (`dmesg`, lines with Xid), and start again"};
    case cudaErrorLaunchTimeout:
      return {ErrorCode::device_unavailable,
              "the driver stopped a kernel that ran too long: give the GPU no display, or lower --batch"};
    default:
      return {ErrorCode::internal, "please report it"};
  }
}

}  // namespace

void check(cudaError_t status, const char* expression, const char* file, int line) {
  if (status == cudaSuccess) return;
  // Errors that do not break the context are left behind for the next caller of cudaGetLastError otherwise.
  static_cast<void>(cudaGetLastError());
  const Advice advice = advice_for(status);
  throw Error(advice.code,
              fmt::format("CUDA: {} ({}) from {}; {}", cudaGetErrorString(status), cudaGetErrorName(status),
                          expression, advice.text),
              file, line);
}

void check_launch(const char* kernel, const char* file, int line) {
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) {
    check(status, fmt::format("the launch of {}", kernel).c_str(), file, line);
  }
}

}  // namespace resnet::cuda
