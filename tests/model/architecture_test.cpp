#include <gtest/gtest.h>

#include <resnet/architecture.hpp>
#include <resnet/error.hpp>

namespace resnet {
namespace {

TEST(Architecture, ModuleCountsAndNames) {
  EXPECT_EQ(Architecture(18, 1000).module_count(), 13);
  EXPECT_EQ(Architecture(34, 1000).module_count(), 21);
  const Architecture a(50, 1000);
  EXPECT_EQ(a.module_count(), 21);
  EXPECT_EQ(a.modules()[4].name, "layer1.0");
  EXPECT_EQ(a.module_index("layer4.2"), 19);
  EXPECT_EQ(a.head(), a.module_index("head"));
  EXPECT_THROW(a.module_index("layer5.0"), Error);
  EXPECT_THROW(Architecture(101, 10), Error);
  EXPECT_THROW(Architecture(18, 0), Error);
}

// Parameter counts are torchvision's published ones.
TEST(Architecture, ParameterCounts) {
  EXPECT_EQ(Architecture(18, 1000).parameters(), 11'689'512);
  EXPECT_EQ(Architecture(34, 1000).parameters(), 21'797'672);
  EXPECT_EQ(Architecture(50, 1000).parameters(), 25'557'032);
}

TEST(Architecture, MultiplyAccumulates) {
  const auto total = [](int depth) {
    const Architecture a(depth, 1000);
    std::int64_t sum = 0;
    for (int m = 0; m < a.module_count(); ++m) sum += a.macs(m, 224, 224);
    return sum;
  };
  EXPECT_EQ(total(18), 1'814'073'344);
  EXPECT_EQ(total(50), 4'089'184'256);
}

TEST(Architecture, ShapesOddAndSmall) {
  const Architecture a(18, 10);
  EXPECT_EQ(a.output_shape(0, 2, 224, 224), (Shape{2, 64, 112, 112}));
  EXPECT_EQ(a.output_shape(11, 1, 33, 161), (Shape{1, 512, 2, 6}));
  EXPECT_EQ(a.output_shape(a.head(), 3, 32, 32), (Shape{3, 10}));
  EXPECT_EQ(a.output_shape_from(6, 6, Shape{1, 64, 7, 9}), (Shape{1, 128, 4, 5}));
  EXPECT_THROW(a.output_shape(0, 1, 31, 224), Error);
  EXPECT_THROW(a.output_shape_from(6, 7, Shape{1, 63, 7, 9}), Error);
}

}  // namespace
}  // namespace resnet
