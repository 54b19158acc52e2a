#include "session/workspace_pool.hpp"

#include <gtest/gtest.h>

namespace resnet {
namespace {

// Counts the workspaces that are made and alive.
class CountingExecutable final : public Executable {
 public:
  struct Counted final : Workspace {
    explicit Counted(int& n) : alive(n) { ++alive; }
    ~Counted() override { --alive; }
    int& alive;
  };
  std::unique_ptr<Workspace> make_workspace(const Shape&) const override {
    ++made;
    return std::make_unique<Counted>(alive);
  }
  void run(const float*, const Shape&, float*, Workspace&, const Trace*) const override {}

  mutable int made = 0, alive = 0;
};

TEST(WorkspacePool, AWorkspaceIsUsedAgain) {
  const CountingExecutable executable;
  WorkspacePool pool;
  const Shape shape{1, 2};
  EXPECT_FALSE(pool.output_count(shape));
  for (int i = 0; i < 3; ++i) pool.lend(executable, shape, 7);
  EXPECT_EQ(executable.made, 1);
  EXPECT_EQ(pool.output_count(shape), 7);
}

TEST(WorkspacePool, ConcurrentLeasesHaveTheirOwn) {
  const CountingExecutable executable;
  WorkspacePool pool;
  const Shape shape{1, 2};
  {
    const auto a = pool.lend(executable, shape, 7);
    const auto b = pool.lend(executable, shape, 7);
    EXPECT_NE(&*a, &*b);
  }
  pool.lend(executable, shape, 7);
  EXPECT_EQ(executable.made, 2);
}

TEST(WorkspacePool, TheShapeUsedLongestAgoIsDropped) {
  const CountingExecutable executable;
  WorkspacePool pool;
  const auto count = static_cast<std::int64_t>(WorkspacePool::kMaxShapes);
  const auto use = [&](const Shape& shape) { pool.lend(executable, shape, 0); };
  for (std::int64_t i = 0; i < count; ++i) use(Shape{i});
  use(Shape{0});      // now 1 is the oldest
  use(Shape{count});  // drops it
  EXPECT_TRUE(pool.output_count(Shape{0}));
  EXPECT_FALSE(pool.output_count(Shape{1}));
  EXPECT_EQ(executable.alive, static_cast<int>(count));
}

TEST(WorkspacePool, ALeaseOutlivesItsDroppedShape) {
  const CountingExecutable executable;
  WorkspacePool pool;
  const Shape first{100};
  {
    const auto lease = pool.lend(executable, first, 0);
    for (std::int64_t i = 0; i < 20; ++i) pool.lend(executable, Shape{i}, i);
    EXPECT_FALSE(pool.output_count(first));
  }
  EXPECT_EQ(executable.alive, static_cast<int>(WorkspacePool::kMaxShapes));
}

}  // namespace
}  // namespace resnet
