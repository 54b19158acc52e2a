// A progress line for long work: count, rate, time left. Only on a terminal, ten times a second at most, gone
// when the work is done; without a terminal it costs an atomic increment.
//
//   tagging  [######--------------]  1,234 of 10,000 photos  56.7/s  2:35 left
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace resnet::cli {

// What the line says. `total` 0: not known (yet).
std::string progress_text(const std::string& verb, const std::string& unit, std::int64_t done,
                          std::int64_t total, double seconds);

class Progress {
 public:
  // verb: "tagging"; unit: "photos".
  Progress(std::string verb, std::string unit, std::int64_t total = 0);
  ~Progress();  // removes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Both may be called from any thread. A total that grows while folders are still being read is fine.
  void advance(std::int64_t count = 1);
  void set_total(std::int64_t total) { total_ = total; }

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);

  std::string verb_;
  std::string unit_;
  bool visible_;
  Clock::time_point start_;
  std::atomic<std::int64_t> done_{0};
  std::atomic<std::int64_t> total_;
  std::mutex mutex_;  // guards next_draw_
  Clock::time_point next_draw_;
};

}  // namespace resnet::cli
