#include "cuda/architectures.hpp"

#include <gtest/gtest.h>

namespace resnet::cuda {
namespace {

constexpr std::string_view kAll = "75-real,80-real,86-real,89-real,90a-real,120-real,90-virtual,120-virtual";

TEST(Architectures, MachineCodeRunsOnItsMajorVersionFromItsMinorOn) {
  EXPECT_TRUE(runs_on("80-real", 8, 0));
  EXPECT_TRUE(runs_on("80-real", 8, 6));
  EXPECT_FALSE(runs_on("86-real", 8, 0));
  EXPECT_FALSE(runs_on("80-real", 7, 5));
  EXPECT_FALSE(runs_on("80-real", 9, 0));
}

TEST(Architectures, CodeOfOneGpuRunsOnNoOther) {
  EXPECT_TRUE(runs_on("90a-real", 9, 0));
  EXPECT_FALSE(runs_on("90a-real", 9, 1));
  EXPECT_FALSE(runs_on("90a-real", 10, 0));
}

TEST(Architectures, PtxRunsOnEverythingLater) {
  EXPECT_FALSE(runs_on("90-virtual", 8, 9));
  EXPECT_TRUE(runs_on("90-virtual", 9, 0));
  EXPECT_TRUE(runs_on("90-virtual", 10, 3));
  EXPECT_TRUE(runs_on("90a-real,90-virtual", 12, 0));
}

TEST(Architectures, TheFullListServesEverythingSinceTuring) {
  for (const auto& [major, minor] :
       {std::pair{7, 5}, {8, 0}, {8, 6}, {8, 7}, {8, 9}, {9, 0}, {10, 0}, {12, 1}}) {
    EXPECT_TRUE(runs_on(kAll, major, minor)) << major << '.' << minor;
  }
  EXPECT_FALSE(runs_on(kAll, 7, 0));
  EXPECT_FALSE(runs_on("", 9, 0));
}

TEST(Architectures, TheDriverTakesMachineCodeBeforePtx) {
  EXPECT_EQ(code_for(kAll, 8, 6)->version, 86);
  EXPECT_EQ(code_for(kAll, 8, 7)->version, 86);
  EXPECT_EQ(code_for(kAll, 10, 0)->version, 90);
  EXPECT_FALSE(code_for(kAll, 10, 0)->exact);
  EXPECT_TRUE(code_for(kAll, 9, 0)->exact);
  EXPECT_EQ(code_for("80-real,86-virtual", 8, 6)->version, 80);
  EXPECT_EQ(code_for("75-virtual,80-virtual", 8, 9)->version, 80);
  EXPECT_FALSE(code_for(kAll, 7, 0).has_value());
}

TEST(Architectures, AreNamedForPeople) {
  EXPECT_EQ(describe_architectures("90a-real"), "sm_90a");
  EXPECT_EQ(describe_architectures("75-real,90a-real,90-virtual"), "sm_75, sm_90a and PTX of compute_90");
}

}  // namespace
}  // namespace resnet::cuda
