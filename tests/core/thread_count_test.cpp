#include "core/thread_count.hpp"

#include "support/temporary_directory.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

// A file system root with a cgroup file tree of our own.
class ThreadBudgetTest : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) { temporary_.write(path, text); }

  const test::TemporaryDirectory temporary_;
  const std::filesystem::path root_ = temporary_.path();
};

TEST_F(ThreadBudgetTest, WithoutCgroupIsTheAffinity) {
  EXPECT_GE(thread_budget(root_).threads, 1);
}

TEST_F(ThreadBudgetTest, CgroupV2QuotaRoundsUp) {
  write("proc/self/cgroup", "0::/pod/app\n");
  write("sys/fs/cgroup/pod/app/cpu.max", "50000 100000\n");
  EXPECT_EQ(thread_budget(root_).threads, 1);
}

TEST_F(ThreadBudgetTest, AnAncestorLimitsToo) {
  write("proc/self/cgroup", "0::/pod/app\n");
  write("sys/fs/cgroup/pod/app/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/pod/cpu.max", "100000 100000\n");
  EXPECT_EQ(thread_budget(root_).threads, 1);
}

TEST_F(ThreadBudgetTest, CgroupV1Quota) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "90000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(thread_budget(root_).threads, 1);
}

TEST(ResolveThreadCount, TheRequestWinsOverTheEnvironment) {
  setenv("RESNET_THREADS", "3", 1);
  EXPECT_EQ(resolve_thread_count(0), 3);
  EXPECT_EQ(resolve_thread_count(5), 5);
  setenv("RESNET_THREADS", "many", 1);
  EXPECT_THROW(resolve_thread_count(0), Error);
  unsetenv("RESNET_THREADS");
  EXPECT_THROW(resolve_thread_count(-1), Error);
}

}  // namespace
}  // namespace resnet
