#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/tensor.hpp>

namespace resnet {
namespace {

TEST(Shape, NumelIsTheProduct) {
  EXPECT_EQ((Shape{2, 3, 5}).numel(), 30);
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{7, 0}).numel(), 0);
  EXPECT_EQ((Shape{64, 3, 7, 7}).to_string(), "[64, 3, 7, 7]");
}

TEST(Shape, RefusesOverflowAndNegativeDimensions) {
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_THROW((Shape{huge, huge}).numel(), Error);
  EXPECT_THROW((Shape{-1, 4}).numel(), Error);
}

TEST(Tensor, RefusesAWrongCount) {
  EXPECT_THROW(Tensor::adopt(Shape{2, 2}, {1, 2, 3}), Error);
}

TEST(Tensor, ConvertsHalfExactly) {
  const std::vector<std::uint16_t> bits{0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00};
  const Tensor half =
      Tensor::view(DType::f16, Shape{6}, reinterpret_cast<const std::byte*>(bits.data()), nullptr, false);
  const Tensor full = half.to_f32();
  const auto v = full.f32();
  EXPECT_EQ(v[0], 1.0f);
  EXPECT_EQ(v[1], -2.0f);
  EXPECT_EQ(v[2], 0x1p-24f);
  EXPECT_EQ(v[3], 65504.0f);
  EXPECT_TRUE(std::signbit(v[4]) && v[4] == 0.0f);
  EXPECT_EQ(v[5], std::numeric_limits<float>::infinity());
}

TEST(Tensor, ConvertsBfloat16Exactly) {
  EXPECT_EQ(bfloat16_to_float(0x3f80), 1.0f);
  EXPECT_EQ(bfloat16_to_float(0xc040), -3.0f);
}

}  // namespace
}  // namespace resnet
