#include "core/thread_pool.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

TEST(ThreadPool, EveryMemberRunsOnce) {
  ThreadPool pool;
  for (const int threads : {1, 2, 3, 2, 1, 4}) {
    std::vector<int> calls(threads, 0);
    pool.run(threads, [&](const Team& team) { ++calls[team.rank()]; });
    EXPECT_EQ(calls, std::vector<int>(threads, 1));
  }
}

TEST(ThreadPool, BarrierOrdersPhases) {
  ThreadPool pool;
  constexpr int kThreads = 3, kPhases = 200;
  std::vector<int> value(kThreads, 0);
  bool ordered = true;
  pool.run(kThreads, [&](const Team& team) {
    for (int phase = 0; phase < kPhases; ++phase) {
      value[team.rank()] = phase;
      team.barrier();
      const int neighbour = value[(team.rank() + 1) % kThreads];
      if (neighbour != phase && team.rank() == 0) ordered = false;
      team.barrier();
    }
  });
  EXPECT_TRUE(ordered);
}

TEST(ThreadPool, SharesCoverEverythingOnce) {
  ThreadPool pool;
  std::vector<int> hits(101, 0);
  pool.run(4, [&](const Team& team) {
    const Team::Range range = team.share(101);
    for (std::int64_t i = range.begin; i < range.end; ++i) ++hits[i];
  });
  EXPECT_EQ(hits, std::vector<int>(101, 1));
}

TEST(ThreadPool, DealGivesOutEveryUnitOnce) {
  ThreadPool pool;
  for (const int threads : {1, 2, 3, 5}) {
    for (const int count : {0, 1, 2, 7, 64}) {
      constexpr int kRounds = 20;
      std::vector<std::atomic<int>> hits(count);
      pool.run(threads, [&](const Team& team) {
        for (int round = 0; round < kRounds; ++round) {
          team.deal(count, [&](int unit) { ++hits[unit]; });
          team.barrier();
        }
      });
      for (const auto& unit : hits) EXPECT_EQ(unit, kRounds) << threads << " threads, " << count << " units";
    }
  }
}

TEST(ThreadPool, DealLetsOthersTakeAStalledMembersUnits) {
  ThreadPool pool;
  constexpr int kUnits = 8;  // 0 to 3 are member 0's, which is held up in its first until all others are done
  std::atomic<int> done{0};
  std::vector<std::atomic<int>> by(kUnits);
  std::atomic<bool> stalled{false};
  pool.run(2, [&](const Team& team) {
    if (team.rank() == 1) {
      while (!stalled) std::this_thread::yield();
    }
    team.deal(kUnits, [&](int unit) {
      if (team.rank() == 0) {
        stalled = true;
        while (done < kUnits - 1) std::this_thread::yield();
      }
      by[unit] = team.rank();
      ++done;
    });
  });
  EXPECT_EQ(by[0], 0);
  for (int unit = 1; unit < kUnits; ++unit) EXPECT_EQ(by[unit], 1) << unit;
}

TEST(ThreadPool, ConcurrentRunsTakeTurns) {
  ThreadPool pool;
  std::atomic<int> inside{0}, most{0}, total{0};
  const auto job = [&](const Team&) {
    const int now = ++inside;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    ++total;
    --inside;
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < 50; ++k) pool.run(2, job);
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(total, 4 * 50 * 2);
  EXPECT_LE(most, 2);
}

}  // namespace
}  // namespace resnet
