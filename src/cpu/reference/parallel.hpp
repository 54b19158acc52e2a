// Sharing a loop between the threads of the process's pool.
#pragma once

#include "core/thread_pool.hpp"

#include <cstdint>
#include <functional>

namespace resnet::reference {

// Calls body(begin, end) on each thread with its contiguous part of [0, count).
template <class Body>
void parallel_for(int threads, std::int64_t count, const Body& body) {
  const auto member = [&](const Team& team) {
    const Team::Range range = team.share(count);
    if (range.begin < range.end) body(range.begin, range.end);
  };
  // By reference: a std::function that owned the lambda would allocate, which a run must not.
  ThreadPool::shared().run(threads, std::cref(member));
}

}  // namespace resnet::reference
