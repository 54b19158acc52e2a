#include "core/thread_pool.hpp"

namespace resnet {
namespace {

// About 20 µs of spinning on a current processor before a waiter gives its time slice away, so that a
// team larger than the processors at hand still makes progress.
constexpr int kSpins = 4000;
// A worker that has just finished a run is likely to be needed again within one decode of a small
// picture; after that it sleeps.
constexpr int kIdleSpins = 20000;

inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Team::barrier() const noexcept {
  if (size_ == 1) return;
  const unsigned generation = barrier_->generation.load(std::memory_order_relaxed);
  if (barrier_->waiting.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    barrier_->waiting.store(0, std::memory_order_relaxed);
    barrier_->reset_dealt(size_);
    barrier_->generation.store(generation + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; barrier_->generation.load(std::memory_order_acquire) == generation; ++spins) {
    if (spins < kSpins) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

ThreadPool& ThreadPool::shared() {
  static ThreadPool pool;
  return pool;
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    job_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::grow(int workers) {
  while (static_cast<int>(workers_.size()) < workers) {
    const int index = static_cast<int>(workers_.size());
    workers_.emplace_back([this, index] { work(index); });
  }
}

void ThreadPool::run(int threads, const std::function<void(const Team&)>& fn) {
  if (threads <= 1) {
    fn(Team(0, 1, nullptr));
    return;
  }
  const std::lock_guard run_lock(run_mutex_);
  {
    const std::lock_guard lock(mutex_);
    fn_ = &fn;
    team_size_ = threads;
    if (barrier_.members < threads) {
      barrier_.dealt = std::make_unique<Team::Counter[]>(threads);
      barrier_.members = threads;
    }
    barrier_.reset_dealt(threads);
    running_.store(threads - 1, std::memory_order_relaxed);
    grow(threads - 1);
    job_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  fn(Team(0, threads, &barrier_));
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

void ThreadPool::work(int index) {
  std::uint64_t seen = 0;
  for (;;) {
    for (int spins = 0; spins < kIdleSpins && job_.load(std::memory_order_acquire) == seen; ++spins) relax();
    const std::function<void(const Team&)>* fn = nullptr;
    int team_size = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return job_.load(std::memory_order_relaxed) != seen; });
      if (stop_) return;
      seen = job_.load(std::memory_order_relaxed);
      fn = fn_;
      team_size = team_size_;
    }
    // Workers beyond this run's team, and ones that woke after it was over, have nothing to do.
    if (index + 1 >= team_size) continue;
    (*fn)(Team(index + 1, team_size, &barrier_));
    running_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace resnet
