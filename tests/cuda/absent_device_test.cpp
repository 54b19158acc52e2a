// What a Session says of the device `cuda` on a machine, or in a build, that has none.
#include "cuda/devices.hpp"
#include "session/backend_table.hpp"

#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

SessionOptions on(const char* device, const char* backend = "") {
  SessionOptions o;
  o.device = device;
  o.backend = backend;
  o.height = o.width = 32;
  return o;
}

// The Error that making a session throws.
Error refusal(const SessionOptions& options) {
  static const Model model = make_random_model(18, 3, 1);
  try {
    const Session session(model, options);
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << options.device << '/' << options.backend << " was taken";
  return {ErrorCode::internal, ""};
}

TEST(CudaDevice, RowsAreListedInEveryBuild) {
  bool listed = false;
  for (const BackendInfo& b : backends()) {
    listed |= b.name == "cuda_stepwise";
    if (b.device != "cuda") continue;
    EXPECT_TRUE(cuda::devices().problem.empty() || !b.available) << b.name;
    EXPECT_FALSE(b.detail.empty()) << b.name;
  }
  EXPECT_TRUE(listed);
}

TEST(CudaDevice, IsRefusedWithTheReasonWhereThereIsNone) {
  const std::string& problem = cuda::devices().problem;
  if (problem.empty()) GTEST_SKIP() << "needs a machine without a GPU";
  for (const SessionOptions& options :
       {on("cuda"), on("cuda:0", "cuda_stepwise"), on("auto", "cuda_stepwise")}) {
    const Error e = refusal(options);
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    EXPECT_NE(std::string(e.what()).find(problem), std::string::npos) << e.what();
  }
}

TEST(CudaDevice, AutoNeverTakesTheStepwiseKernels) {
  EXPECT_NE(choose_backend(on("auto"), Precision::fp32).name, "cuda_stepwise");
  EXPECT_EQ(choose_backend(on("cpu"), Precision::fp32).device, "cpu");
}

TEST(CudaDevice, IsNotTheProcessors) {
  EXPECT_EQ(refusal(on("cpu", "cuda_stepwise")).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(refusal(on("cuda", "cpu")).code(), ErrorCode::invalid_argument);
}

TEST(CudaDevice, AnIndexBeyondTheLastIsNamed) {
  if (!cuda::devices().problem.empty()) GTEST_SKIP() << "needs a GPU: " << cuda::devices().problem;
  const Error e = refusal(on("cuda:99", "cuda_stepwise"));
  EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
  EXPECT_NE(std::string(e.what()).find("cuda:99"), std::string::npos) << e.what();
}

}  // namespace
}  // namespace resnet
