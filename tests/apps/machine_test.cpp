#include "machine.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace resnet::cli {
namespace {

TEST(Machine, HasNames) {
  EXPECT_FALSE(processor_name().empty());
  EXPECT_NE(machine_name().find("processor"), std::string::npos);
  EXPECT_NE(system_name().find("Linux"), std::string::npos);
}

TEST(Machine, MemoryLimitOfTheControlGroup) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(testing::TempDir()) / "resnet_machine_test";
  const fs::path file = root / "sys/fs/cgroup/memory.max";
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "max\n";
  EXPECT_FALSE(cgroup_memory_limit(root));
  std::ofstream(file) << "536870912\n";
  EXPECT_EQ(cgroup_memory_limit(root), 536870912U);
  fs::remove(file);
  EXPECT_FALSE(cgroup_memory_limit(root));
  const fs::path old = root / "sys/fs/cgroup/memory/memory.limit_in_bytes";
  fs::create_directories(old.parent_path());
  std::ofstream(old) << "9223372036854771712\n";
  EXPECT_FALSE(cgroup_memory_limit(root));
  std::ofstream(old) << "1073741824\n";
  EXPECT_EQ(cgroup_memory_limit(root), 1073741824U);
  fs::remove_all(root);
}

TEST(Machine, GpuReportIsConsistent) {
  const GpuReport report = find_gpus();
  EXPECT_EQ(report.gpus.empty(), !report.problem.empty());
}

}  // namespace
}  // namespace resnet::cli
