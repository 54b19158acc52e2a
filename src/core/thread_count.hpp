// How many threads this process should compute with.
#pragma once

#include <filesystem>
#include <string>

namespace resnet {

struct ThreadBudget {
  int threads;         // at least 1
  std::string reason;  // "2 by affinity", "1 by cgroup quota (cpu.max 100000/100000)", …
};

// min(processors in the affinity mask, ceil(cgroup v2 or v1 CPU quota)). `root` is "/" except in tests.
ThreadBudget thread_budget(const std::filesystem::path& root = "/");

// What a user asked for: `requested` if > 0, else $RESNET_THREADS, else the budget. Throws
// Error{invalid_argument} where the variable is no positive number. Logs the decision at debug level.
int resolve_thread_count(int requested);

}  // namespace resnet
