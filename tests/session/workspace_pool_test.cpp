#include "session/workspace_pool.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

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

// Devices with room for a number of workspaces each.
class SmallDevices final : public Executable {
 public:
  struct OnDevice final : Workspace {
    OnDevice(int of, int& n) : device(of), alive(n) { ++alive; }
    ~OnDevice() override { --alive; }
    int device;
    int& alive;
  };
  SmallDevices(int devices, int room) : room_(room), alive_(static_cast<std::size_t>(devices)) {}
  int devices() const override { return static_cast<int>(alive_.size()); }
  std::unique_ptr<Workspace> make_workspace(const Shape& shape) const override {
    return make_workspace_on(0, shape);
  }
  std::unique_ptr<Workspace> make_workspace_on(int device, const Shape&) const override {
    int& alive = alive_[static_cast<std::size_t>(device)];
    if (alive == room_) throw Error(ErrorCode::out_of_memory, "full");
    return std::make_unique<OnDevice>(device, alive);
  }
  void run(const float*, const Shape&, float*, Workspace&, const Trace*) const override {}
  const std::vector<int>& alive() const { return alive_; }

 private:
  int room_;
  mutable std::vector<int> alive_;
};

int device_of(const WorkspacePool::Lease& lease) {
  return static_cast<const SmallDevices::OnDevice&>(*lease).device;
}

TEST(WorkspacePool, RunsGoToTheDeviceWithTheFewest) {
  const SmallDevices executable(3, 10);
  WorkspacePool pool;
  const Shape first{1}, second{2};
  EXPECT_EQ(device_of(pool.lend(executable, first, 0)), 0);
  EXPECT_EQ(device_of(pool.lend(executable, first, 0)), 0) << "one at a time stays where its memory is";
  {
    const auto a = pool.lend(executable, first, 0), b = pool.lend(executable, second, 0),
               c = pool.lend(executable, first, 0);
    std::vector<int> devices{device_of(a), device_of(b), device_of(c)};
    std::sort(devices.begin(), devices.end());
    EXPECT_EQ(devices, (std::vector{0, 1, 2}));
    const auto d = pool.lend(executable, first, 0);
    const auto e = pool.lend(executable, first, 0);
    EXPECT_NE(device_of(d), device_of(e));
  }
  // Whatever is free where: two at a time are never on one device.
  for (int i = 0; i < 5; ++i) {
    const auto a = pool.lend(executable, i % 2 == 0 ? first : second, 0);
    const auto b = pool.lend(executable, first, 0);
    EXPECT_NE(device_of(a), device_of(b));
  }
}

TEST(WorkspacePool, WhereMemoryEndsOtherShapesGiveTheirsBack) {
  const SmallDevices executable(1, 2);
  WorkspacePool pool;
  const Shape first{1}, second{2}, third{3};
  pool.lend(executable, first, 0);
  pool.lend(executable, second, 0);
  const auto held = pool.lend(executable, third, 0);
  EXPECT_EQ(executable.alive(), std::vector{1}) << "both were free";
  const auto another = pool.lend(executable, third, 0);
  EXPECT_THROW(pool.lend(executable, first, 0), Error) << "nothing is free";
  EXPECT_THROW(pool.lend(executable, third, 0), Error);
  EXPECT_EQ(executable.alive(), std::vector{2});
}

TEST(WorkspacePool, ALeaseThatFailedCountsForNoDevice) {
  const SmallDevices executable(2, 1);
  WorkspacePool pool;
  const Shape shape{1};
  {
    const auto a = pool.lend(executable, shape, 0), b = pool.lend(executable, shape, 0);
    EXPECT_THROW(pool.lend(executable, shape, 0), Error);
  }
  const auto a = pool.lend(executable, shape, 0), b = pool.lend(executable, shape, 0);
  EXPECT_NE(device_of(a), device_of(b));
}

}  // namespace
}  // namespace resnet
