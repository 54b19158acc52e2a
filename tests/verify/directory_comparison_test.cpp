#include "verify/directory_comparison.hpp"

#include "verify/tensor_file.hpp"
#include "verify/verify_fixture.hpp"

#include <algorithm>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

class DirectoryComparisonTest : public VerifyFixture {
 protected:
  DirectoryComparisonTest() {
    std::filesystem::copy(
        directory_.path(), other_.path(),
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  }
  DirectoryComparison compare() const {
    return compare_directories(other_.path(), directory_.path(), Precision::fp32);
  }
  test::TemporaryDirectory other_;
};

TEST_F(DirectoryComparisonTest, EqualDirectoriesInTheOrderOfTheNetwork) {
  const DirectoryComparison c = compare();
  EXPECT_TRUE(c.ok());
  ASSERT_EQ(c.results.size(), 13u + 9);
  EXPECT_EQ(c.results.front().module, "input");
  EXPECT_EQ(c.results[1].module, "conv1");
  EXPECT_EQ(c.results[1].shape, (Shape{2, 64, 32, 36}));
  EXPECT_EQ(c.results.back().module, "probabilities");
}

TEST_F(DirectoryComparisonTest, TheFirstBadCheckpointIsNamed) {
  for (const char* name : {"layer3.0", "layer2.1"}) {
    const auto path = other_.path() / (std::string(name) + ".bin");
    std::vector<float> values = read_f32(path);
    values[3] += 1.0f;
    write_f32(path, values);
  }
  const DirectoryComparison c = compare();
  EXPECT_FALSE(c.ok());
  ASSERT_NE(c.first_bad(), nullptr);
  EXPECT_EQ(c.first_bad()->module, "layer2.1");
  EXPECT_EQ(c.first_bad()->first_wrong->index, 3);
}

TEST_F(DirectoryComparisonTest, WhatOnlyOneHasIsListed) {
  std::filesystem::remove(directory_.path() / "reference.json");
  std::filesystem::remove(other_.path() / "reference.json");
  std::filesystem::remove(other_.path() / "gap.bin");
  write_f32(other_.path() / "extra.bin", std::vector<float>{1});
  const DirectoryComparison c = compare();
  EXPECT_TRUE(c.ok());
  EXPECT_EQ(c.only_in_a, std::vector<std::string>{"extra"});
  EXPECT_EQ(c.only_in_b, std::vector<std::string>{"gap"});
  EXPECT_EQ(c.results.front().module, "bn1");  // by name, without a reference.json
  EXPECT_EQ(c.results.front().shape.rank(), 1u);
}

TEST_F(DirectoryComparisonTest, DifferentSizesAndEmptyDirectoriesAreErrors) {
  const test::TemporaryDirectory empty;
  EXPECT_THROW(compare_directories(empty.path(), directory_.path(), Precision::fp32), Error);
  EXPECT_THROW(compare_directories(empty.path() / "no", directory_.path(), Precision::fp32), Error);
  write_f32(empty.path() / "head.bin", std::vector<float>{1, 2});
  EXPECT_THROW(compare_directories(empty.path(), directory_.path(), Precision::fp32), Error);
}

}  // namespace
}  // namespace resnet::verify
