// What is said of GPUs, with a list made up for the purpose and with this machine's own.
#include "cuda/devices.hpp"

#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

DeviceList two_devices() {
  DeviceList list;
  list.devices.push_back({.index = 0,
                          .name = "Fast GPU",
                          .major = 9,
                          .minor = 0,
                          .memory_bytes = std::uint64_t{141} << 30,
                          .problem = {}});
  list.devices.push_back({.index = 1,
                          .name = "Old GPU",
                          .major = 7,
                          .minor = 0,
                          .memory_bytes = std::uint64_t{16} << 30,
                          .problem = "too old"});
  return list;
}

// The message with which the device is refused.
std::string refusal(const DeviceList& list, int index) {
  try {
    require_device(list, index);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    return e.what();
  }
  return "no error";
}

TEST(Devices, OneThatServesIsGiven) {
  const DeviceList list = two_devices();
  EXPECT_EQ(require_device(list, 0).name, "Fast GPU");
}

TEST(Devices, OneThatDoesNotIsRefusedWithTheReason) {
  const DeviceList list = two_devices();
  EXPECT_EQ(refusal(list, 1), "cuda:1 (Old GPU) cannot be used: too old");
  EXPECT_EQ(refusal(list, 2),
            "there is no cuda:2 here: cuda:0 Fast GPU (sm_90, 141.0 GiB), cuda:1 Old GPU (sm_70, 16.0 GiB; "
            "too old)");
  EXPECT_EQ(refusal({.devices = {}, .problem = "no NVIDIA driver found"}, 0),
            "no GPU: no NVIDIA driver found");
}

TEST(Devices, OnlyOfOneArchitectureWorkTogether) {
  DeviceList list = two_devices();
  EXPECT_NO_THROW(require_alike(list, {0}));
  list.devices[1].problem.clear();
  try {
    require_alike(list, {0, 1});
    FAIL() << "sm_90 and sm_70 were taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_EQ(
        std::string(e.what()),
        "cuda:0 (Fast GPU, sm_90) and cuda:1 (Old GPU, sm_70) would not give the same bits: name GPUs of one "
        "architecture");
  }
  list.devices[1].major = 9;
  EXPECT_NO_THROW(require_alike(list, {1, 0}));
}

TEST(Devices, ThisMachinesAreListedOrTheReasonIsGiven) {
  const DeviceList& list = devices();
  EXPECT_FALSE(describe(list).empty());
  if (list.devices.empty()) {
    EXPECT_FALSE(list.problem.empty());
    EXPECT_NE(refusal(list, 0).find(list.problem), std::string::npos);
  }
  for (const Device& d : list.devices) {
    EXPECT_FALSE(d.name.empty());
    EXPECT_GT(d.memory_bytes, 0u);
    EXPECT_GE(d.major, 5);
  }
}

}  // namespace
}  // namespace resnet::cuda
