#include "core/counted.hpp"

#include <gtest/gtest.h>

namespace resnet {
namespace {

TEST(Counted, OneIsSingular) {
  EXPECT_EQ(counted(0, "photo"), "0 photos");
  EXPECT_EQ(counted(1, "photo"), "1 photo");
  EXPECT_EQ(counted(21, "photo"), "21 photos");
  EXPECT_EQ(counted(1u, "class", "classes"), "1 class");
  EXPECT_EQ(counted(80, "class", "classes"), "80 classes");
  EXPECT_EQ(counted("1,001", "photo"), "1,001 photos");
  EXPECT_EQ(counted("1", "photo"), "1 photo");
}

}  // namespace
}  // namespace resnet
