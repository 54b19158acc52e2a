// Which families of kernels a GPU has, and what is said where it has not the one that was asked for.
#include "cuda/families.hpp"

#include "cuda/devices.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::cuda {
namespace {

constexpr std::string_view kEveryGpu =
    "75-real,80-real,86-real,89-real,90a-real,120-real,90-virtual,120-virtual";
constexpr std::string_view kDefault = "90a-real,90-virtual";

using Families = std::vector<Family>;

TEST(Families, AreThoseOfTheCodeThatTheDriverTakes) {
  const Families hopper{Family::sm90, Family::mma, Family::simt}, ampere{Family::mma, Family::simt},
      turing{Family::simt};
  EXPECT_EQ(families_of(kEveryGpu, 9, 0), hopper);
  EXPECT_EQ(families_of(kDefault, 9, 0), hopper);
  EXPECT_EQ(families_of("90-virtual", 9, 0), ampere);  // PTX has no wgmma
  for (const auto& [major, minor] : {std::pair{8, 0}, {8, 6}, {8, 7}, {8, 9}, {10, 0}, {12, 0}, {12, 1}})
    EXPECT_EQ(families_of(kEveryGpu, major, minor), ampere) << major << '.' << minor;
  EXPECT_EQ(families_of(kDefault, 10, 0), ampere);
  EXPECT_EQ(families_of(kEveryGpu, 7, 5), turing);
  EXPECT_EQ(families_of("75-virtual", 8, 6), turing);  // compiled by the driver, but written without mma.sync
  EXPECT_EQ(families_of(kEveryGpu, 7, 0), Families{});
  EXPECT_EQ(families_of("70-real", 7, 0), Families{});
  EXPECT_EQ(families_of(kDefault, 8, 9), Families{});
}

TEST(Families, HaveNames) {
  for (const Family family : families_of(kEveryGpu, 9, 0)) EXPECT_EQ(parse_family(to_string(family)), family);
  EXPECT_THROW(parse_family("avx2"), Error);
}

Device made_up_device(int index, int major, int minor) {
  Device d;
  d.index = index;
  d.name = "GPU";
  d.major = major, d.minor = minor;
  d.families = families_of(kEveryGpu, major, minor);
  return d;
}

TEST(Families, ADeviceWithoutAnyIsRefusedWithWhatToChange) {
  DeviceList list;
  list.devices = {made_up_device(0, 7, 0)};
  EXPECT_FALSE(has_families(list));
  try {
    require_families(list, 0);
    FAIL() << "a device without kernels was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    for (const char* part : {"cuda:0", "sm_70", "--device cpu", "cuda_stepwise"})
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
  list.devices.push_back(made_up_device(1, 9, 0));
  EXPECT_TRUE(has_families(list));
  EXPECT_EQ(require_families(list, 1).front(), Family::sm90);
  EXPECT_EQ(describe_families(list), "cuda:1 sm90, mma, simt");
}

}  // namespace
}  // namespace resnet::cuda
