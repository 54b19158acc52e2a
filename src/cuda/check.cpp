#include "cuda/check.hpp"

#include "cuda/architectures.hpp"

#include <string>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

struct Advice {
  ErrorCode code;
  std::string text;           // what to do
  bool names_device = false;  // the message says which GPU it was
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
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return {ErrorCode::device_unavailable, "update the NVIDIA driver, or give --device cpu"};
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
    case cudaErrorInvalidDeviceFunction:
      return {
          ErrorCode::device_unavailable,
          fmt::format("this build has kernels for {}: build with the device's in RESNET_CUDA_ARCHITECTURES",
                      describe_architectures(RESNET_CUDA_ARCHITECTURES)),
          true};
    case cudaErrorDevicesUnavailable:
    case cudaErrorDeviceAlreadyInUse:
      return {ErrorCode::device_unavailable,
              "another program holds the GPU for itself: end it, or name another with --device cuda:N", true};
    case cudaErrorMpsConnectionFailed:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsServerNotReady:
    case cudaErrorMpsMaxClientsReached:
    case cudaErrorMpsMaxConnectionsReached:
    case cudaErrorMpsClientTerminated:
      return {ErrorCode::device_unavailable,
              "NVIDIA's server that shares the GPU (MPS) does not take this program: start it anew, or end "
              "others that use it"};
    // Hardware, bus or driver: the device is gone for this process.
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorStartupFailure:
    case cudaErrorDeviceUninitialized:
    case cudaErrorContextIsDestroyed:
    case cudaErrorSystemNotReady:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown:
      return {ErrorCode::device_unavailable,
              "the GPU was lost: see the kernel's log (`dmesg`, lines with Xid), and start again; where it "
              "stays lost, reset it (`nvidia-smi --gpu-reset`) or give another with --device",
              true};
    // A kernel died, and with it all that this process has on the device.
    case cudaErrorIllegalAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorLaunchFailure:
      return {
          ErrorCode::device_unavailable,
          "a kernel failed, and nothing more runs on this GPU in this process: start again. If the kernel's "
          "log (`dmesg`, lines with Xid) tells of no fault of the machine, please report it",
          true};
    case cudaErrorLaunchTimeout:
      return {ErrorCode::device_unavailable,
              "the driver stopped a kernel that ran too long: start again, with a smaller --batch or a GPU "
              "that drives no display",
              true};
    default:
      return {ErrorCode::internal, "please report it"};
  }
}

// "CUDA on cuda:1" where that is known.
std::string place_of(const Advice& advice) {
  int device = 0;
  if (!advice.names_device || cudaGetDevice(&device) != cudaSuccess) return "CUDA";
  return fmt::format("CUDA on cuda:{}", device);
}

}  // namespace

void check(cudaError_t status, const char* expression, const char* file, int line) {
  if (status == cudaSuccess) return;
  // Errors that do not break the context are left behind for the next caller of cudaGetLastError otherwise.
  static_cast<void>(cudaGetLastError());
  const Advice advice = advice_for(status);
  throw Error(advice.code,
              fmt::format("{}: {} ({}) from {}; {}", place_of(advice), cudaGetErrorString(status),
                          cudaGetErrorName(status), expression, advice.text),
              file, line);
}

void check_launch(const char* kernel, const char* file, int line) {
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) {
    check(status, fmt::format("the launch of {}", kernel).c_str(), file, line);
  }
}

}  // namespace resnet::cuda
