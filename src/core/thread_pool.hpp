// A team of threads that runs one function at a time together, with a spinning barrier inside: made
// for networks, where a run is tens of short phases.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace resnet {

// What a member of a team sees of it.
class Team {
 public:
  int rank() const noexcept { return rank_; }
  int size() const noexcept { return size_; }

  // All members wait here for each other. Spins briefly, then yields: the phases between barriers last
  // 10 µs to a few ms, well below the cost of sleeping and waking.
  void barrier() const noexcept;

  // The part of [0, count) that is this member's, in units of one: contiguous, sizes differing by at most 1.
  struct Range {
    std::int64_t begin, end;
  };
  Range share(std::int64_t count) const noexcept {
    return {count * rank_ / size_, count * (rank_ + 1) / size_};
  }

  // Calls f(unit) for every unit of [0, count). A member starts with its own contiguous share, the same as
  // share()'s, so that from step to step it meets the data that is in its cache; one that is done takes units
  // of the others, so that a member whose processor is busy with something else does not keep them waiting.
  // Every member calls it, once between two barriers.
  template <class F>
  void deal(int count, F&& f) const {
    if (size_ == 1) {
      for (int unit = 0; unit < count; ++unit) f(unit);
      return;
    }
    for (int i = 0; i < size_; ++i) {
      const int whose = rank_ + i < size_ ? rank_ + i : rank_ + i - size_;
      const Team owner(whose, size_, barrier_);
      const Range units = owner.share(count);
      for (std::int64_t unit; (unit = units.begin + barrier_->dealt[whose].count.fetch_add(
                                                        1, std::memory_order_relaxed)) < units.end;)
        f(static_cast<int>(unit));
    }
  }

 private:
  friend class ThreadPool;
  struct alignas(64) Counter {
    std::atomic<int> count{0};
  };
  struct Barrier {
    std::atomic<int> waiting{0};
    std::atomic<unsigned> generation{0};
    std::unique_ptr<Counter[]> dealt;  // units of each member's share given out since the last barrier
    int members = 0;
    void reset_dealt(int size) const noexcept {
      for (int i = 0; i < size; ++i) dealt[i].count.store(0, std::memory_order_relaxed);
    }
  };
  Team(int rank, int size, Barrier* barrier) : rank_(rank), size_(size), barrier_(barrier) {}

  int rank_;
  int size_;
  Barrier* barrier_;
};

class ThreadPool {
 public:
  // The process's pool. Every Session uses it, so two Sessions never run more threads than the larger
  // of their thread counts: a second concurrent run of several threads waits for the first.
  static ThreadPool& shared();

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Runs fn(team) on `threads` threads, the caller among them as rank 0, and returns when all have
  // returned. Workers are started when first needed. With threads = 1 nothing is locked or waited for.
  // `fn` must not throw: kernels report nothing at run time, all checks are made before.
  void run(int threads, const std::function<void(const Team&)>& fn);

 private:
  void grow(int workers);
  void work(int index);

  std::mutex run_mutex_;  // one run at a time
  std::vector<std::thread> workers_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> job_{0};  // generation; workers spin on it briefly before they sleep
  const std::function<void(const Team&)>* fn_ = nullptr;
  int team_size_ = 0;
  bool stop_ = false;
  std::atomic<int> running_{0};
  Team::Barrier barrier_;
};

}  // namespace resnet
