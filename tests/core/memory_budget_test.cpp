#include "core/memory_budget.hpp"

#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::uint64_t kMebi = 1 << 20;

TEST(MemoryBudget, RefusesWhatPassesTheCapAndSaysWhoAsked) {
  MemoryBudget budget(100 * kMebi);
  budget.take(60 * kMebi, "the weights");
  budget.take(40 * kMebi, "a run");
  budget.give_back(10 * kMebi);
  try {
    budget.take(11 * kMebi, "a run on [8, 3, 224, 224]");
    FAIL() << "101 MiB of 100 were given";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::out_of_memory);
    EXPECT_EQ(std::string(e.what()),
              "a run on [8, 3, 224, 224] needs 11.0 MiB more of a GPU's memory, of which 90.0 MiB are in use "
              "and 100.0 "
              "MiB allowed: lower --batch, or raise --gpu-memory");
  }
  EXPECT_EQ(budget.used(), 90 * kMebi);
  EXPECT_THROW(budget.take(~std::uint64_t{0}, "nonsense"), Error);
}

TEST(MemoryBudget, WithoutACapOnlyCounts) {
  MemoryBudget budget;
  budget.take(std::uint64_t{1} << 50, "much");
  EXPECT_EQ(budget.used(), std::uint64_t{1} << 50);
  EXPECT_EQ(describe_memory(budget.used()), "1048576.00 GiB");
}

TEST(MemoryScope, IsTheInnermost) {
  EXPECT_EQ(MemoryScope::budget(), nullptr);
  const auto outer = std::make_shared<MemoryBudget>(), inner = std::make_shared<MemoryBudget>();
  {
    const MemoryScope a(outer, "the weights");
    {
      const MemoryScope b(inner, "a run");
      EXPECT_EQ(MemoryScope::budget(), inner);
      EXPECT_EQ(MemoryScope::purpose(), "a run");
    }
    EXPECT_EQ(MemoryScope::budget(), outer);
    EXPECT_EQ(MemoryScope::purpose(), "the weights");
  }
  EXPECT_EQ(MemoryScope::budget(), nullptr);
  EXPECT_EQ(outer.use_count(), 1);
}

}  // namespace
}  // namespace resnet
