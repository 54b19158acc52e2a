// What is said of errors of the CUDA runtime; none of them has to happen for that.
#include "cuda/check.hpp"

#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

struct Case {
  cudaError_t status;
  ErrorCode code;
  const char* remedy;
};

TEST(Check, EveryKindOfTroubleSaysWhatToDo) {
  for (const Case& c :
       {Case{cudaErrorMemoryAllocation, ErrorCode::out_of_memory, "--batch"},
        Case{cudaErrorNoDevice, ErrorCode::device_unavailable, "resnet doctor"},
        Case{cudaErrorInsufficientDriver, ErrorCode::device_unavailable, "update the NVIDIA driver"},
        Case{cudaErrorNoKernelImageForDevice, ErrorCode::device_unavailable, "RESNET_CUDA_ARCHITECTURES"},
        Case{cudaErrorDevicesUnavailable, ErrorCode::device_unavailable, "cuda:N"},
        Case{cudaErrorMpsRpcFailure, ErrorCode::device_unavailable, "MPS"},
        Case{cudaErrorECCUncorrectable, ErrorCode::device_unavailable, "dmesg"},
        Case{cudaErrorUnknown, ErrorCode::device_unavailable, "--gpu-reset"},
        Case{cudaErrorIllegalAddress, ErrorCode::device_unavailable, "start again"},
        Case{cudaErrorLaunchFailure, ErrorCode::device_unavailable, "report it"},
        Case{cudaErrorLaunchTimeout, ErrorCode::device_unavailable, "smaller --batch"},
        Case{cudaErrorInvalidValue, ErrorCode::internal, "report it"}}) {
    try {
      check(c.status, "cudaSomething(x)", "place.cpp", 7);
      ADD_FAILURE() << cudaGetErrorName(c.status) << " passed";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), c.code) << e.what();
      for (const char* part : {c.remedy, cudaGetErrorName(c.status), "cudaSomething(x)"})
        EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_STREQ(e.file(), "place.cpp");
      EXPECT_EQ(e.line(), 7);
    }
  }
  EXPECT_NO_THROW(check(cudaSuccess, "cudaSomething(x)", "place.cpp", 7));
}

}  // namespace
}  // namespace resnet::cuda
