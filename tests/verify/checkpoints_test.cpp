#include "verify/checkpoints.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

std::pair<int, int> step(int depth, const char* name) {
  const ModuleRange r = step_range(Architecture(depth, 10), name);
  return {r.begin, r.end};
}

std::pair<int, int> modules(const char* text) {
  const ModuleRange r = parse_modules(Architecture(18, 10), text);
  return {r.begin, r.end};
}

TEST(Steps, CoverTheNetworkInOrder) {
  for (const int depth : {18, 34, 50}) {
    int at = 0;
    for (const char* name : {"stem", "layer1", "layer2", "layer3", "layer4", "head"}) {
      const auto [begin, end] = step(depth, name);
      EXPECT_EQ(begin, at) << name;
      EXPECT_GT(end, begin) << name;
      at = end;
    }
    EXPECT_EQ(step(depth, "e2e"), std::make_pair(0, at));
  }
  EXPECT_EQ(step(50, "layer3"), std::make_pair(11, 17));
  EXPECT_THROW(step(18, "layer5"), Error);
  EXPECT_THROW(step(18, ""), Error);
}

TEST(Modules, ByNumberOrName) {
  EXPECT_EQ(modules("4:6"), std::make_pair(4, 6));
  EXPECT_EQ(modules("layer1.0:layer2.0"), std::make_pair(4, 6));
}

TEST(Modules, OpenEnds) {
  EXPECT_EQ(modules(":4"), std::make_pair(0, 4));
  EXPECT_EQ(modules("12:"), std::make_pair(12, 13));
  EXPECT_EQ(modules(":"), std::make_pair(0, 13));
}

TEST(Modules, WrongRangesAreRefused) {
  for (const char* text : {"4", "6:4", "4:4", "0:14", "-1:3", "layer9.0:", "4:5:6", "4x:6", ":conv1"}) {
    EXPECT_THROW(modules(text), Error) << text;
  }
}

TEST(Checkpoints, ClassicNames) {
  const Architecture a(18, 10);
  EXPECT_EQ(aliases(a, 3), std::vector<std::string>{"stem_pool"});
  EXPECT_TRUE(aliases(a, 4).empty());
  EXPECT_EQ(aliases(a, 5), std::vector<std::string>{"layer1"});
  EXPECT_EQ(aliases(a, 11), std::vector<std::string>{"layer4"});
  EXPECT_EQ(aliases(a, 12), std::vector<std::string>{"logits"});
  const std::vector<std::string> names = checkpoint_names(a);
  EXPECT_EQ(names.front(), "input");
  EXPECT_EQ(names.back(), "probabilities");
  const auto gap = std::find(names.begin(), names.end(), "gap");
  ASSERT_NE(gap, names.end());
  EXPECT_EQ(*(gap + 1), "head");
  EXPECT_EQ(names.size(), 13u + 5 + 4);  // modules; stem_pool and layers; input, gap, logits, probabilities
}

}  // namespace
}  // namespace resnet::verify
