// The numeric contract as numbers: a looser table has to change this file as well.
#include "verify/tolerance.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

TEST(Tolerance, Fp32IsTheContract) {
  const Tolerance t = tolerance({.module = "layer2.0"});
  EXPECT_EQ(t.max_abs_rel, 3e-5);
  EXPECT_EQ(t.min_cosine, 1 - 1e-9);
  EXPECT_FALSE(t.max_abs);
  EXPECT_EQ(kReferenceFromFloat64, 2e-6);
}

TEST(Tolerance, TrainedModelsAreBoundedAbsolutelyToo) {
  EXPECT_EQ(tolerance({.model = "resnet50", .module = "head", .trained = true}).max_abs, 1e-4);
  EXPECT_FALSE(tolerance({.model = "resnet50", .module = "conv1", .trained = true, .photos = true}).max_abs);
  EXPECT_EQ(tolerance({.model = "resnet18", .module = "conv1", .trained = true, .photos = true}).max_abs,
            1e-4);
  EXPECT_FALSE(tolerance({.model = "resnet18", .module = "conv1", .trained = true}).max_abs);
  EXPECT_FALSE(tolerance({.model = "resnet34", .module = "head"}).max_abs);
}

TEST(Tolerance, HalfPrecisionsAreHeldToTheirCosine) {
  for (const Precision p : {Precision::bf16, Precision::fp16}) {
    EXPECT_EQ(tolerance({.precision = p, .trained = true, .photos = true}).min_cosine, 0.9995);
    EXPECT_FALSE(top1_must_match(p));
  }
  EXPECT_TRUE(top1_must_match(Precision::fp32));
}

TEST(Tolerance, Int8HasAnotherReference) {
  EXPECT_THROW(tolerance({.precision = Precision::int8}), Error);
}

}  // namespace
}  // namespace resnet::verify
