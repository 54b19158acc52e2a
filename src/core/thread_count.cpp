#include "core/thread_count.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sched.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr int kMaxThreads = 1024;

int affinity_count() {
  // The kernel refuses a mask smaller than its own, so grow until it fits.
  for (int cpus = 1024; cpus <= 65536; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    const int rc = sched_getaffinity(0, bytes, set);
    const int count = rc == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct Quota {
  double cpus;
  std::string text;
};

std::optional<Quota> quota_of(const std::string& quota, const std::string& period, const std::string& what) {
  char* end = nullptr;
  const double q = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str() || q <= 0) return std::nullopt;  // "max" or -1: no limit
  const double p = std::strtod(period.c_str(), nullptr);
  if (p <= 0) return std::nullopt;
  return Quota{q / p, fmt::format("{} {}/{}", what, quota, period)};
}

std::string first_word(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string word;
  in >> word;
  return word;
}

// The tightest quota of the process's cgroup and all its ancestors: each of them limits.
std::optional<Quota> cgroup_quota(const std::filesystem::path& root) {
  std::optional<Quota> tightest;
  const auto consider = [&](std::optional<Quota> q) {
    if (q && (!tightest || q->cpus < tightest->cpus)) tightest = std::move(q);
  };
  std::ifstream groups(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    // "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1)
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    // Inside a container the path may not exist below the mount; its own limits then sit at the top.
    const std::filesystem::path mount = root / (v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu");
    for (auto p = std::filesystem::path(line.substr(second + 1)).relative_path();; p = p.parent_path()) {
      if (v2) {
        std::ifstream in(mount / p / "cpu.max");
        std::string quota, period;
        if (in >> quota >> period) consider(quota_of(quota, period, "cpu.max"));
      } else {
        consider(quota_of(first_word(mount / p / "cpu.cfs_quota_us"),
                          first_word(mount / p / "cpu.cfs_period_us"), "cpu.cfs_quota_us"));
      }
      if (p.empty()) break;
    }
  }
  return tightest;
}

}  // namespace

ThreadBudget thread_budget(const std::filesystem::path& root) {
  const int affinity = affinity_count();
  if (const auto quota = cgroup_quota(root)) {
    const int limit = std::max(1, static_cast<int>(std::ceil(quota->cpus)));
    if (limit < affinity) return {limit, fmt::format("{} by cgroup quota ({})", limit, quota->text)};
  }
  return {affinity, fmt::format("{} by affinity", affinity)};
}

int resolve_thread_count(int requested) {
  if (requested < 0 || requested > kMaxThreads) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} threads: give 1 to {}", requested, kMaxThreads));
  }
  if (requested > 0) {
    log(LogLevel::debug, fmt::format("threads: {} as asked", requested));
    return requested;
  }
  if (const char* text = std::getenv("RESNET_THREADS"); text != nullptr && *text != '\0') {
    const std::string value = text;
    int threads = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), threads);
    if (ec != std::errc() || end != value.data() + value.size() || threads < 1 || threads > kMaxThreads) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("RESNET_THREADS={}: give a number from 1 to {}", value, kMaxThreads));
    }
    log(LogLevel::debug, fmt::format("threads: {} by RESNET_THREADS", threads));
    return threads;
  }
  const ThreadBudget budget = thread_budget();
  log(LogLevel::debug, fmt::format("threads: {}", budget.reason));
  return budget.threads;
}

}  // namespace resnet
