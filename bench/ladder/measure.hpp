// Timing: medians, by the GPU's clock or the host's.
#pragma once

#include "cuda/stream.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace resnet::ladder {

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The median of what `run` gives: of at most `runs`, and of at least kLeastRuns, then no longer than
// kSeconds.
inline double median_of(int runs, const std::function<double()>& run) {
  constexpr int kWarmUpRuns = 3, kLeastRuns = 5;
  constexpr double kSeconds = 0.5;
  for (int i = 0; i < kWarmUpRuns; ++i) run();
  std::vector<double> times;
  const auto start = std::chrono::steady_clock::now();
  while (static_cast<int>(times.size()) < runs) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    if (passed.count() > kSeconds && times.size() >= kLeastRuns) break;
    times.push_back(run());
  }
  return median(std::move(times));
}

// Milliseconds between two events around what `launch` queues. The GPU has work when the first is queued, so
// that the host is ahead of it where it can be.
inline double device_ms(int runs, cudaStream_t stream, const std::function<void(cudaStream_t)>& launch) {
  const cuda::Event begin, end;
  return median_of(runs, [&] {
    launch(stream);
    begin.record(stream);
    launch(stream);
    end.record(stream);
    end.synchronize();
    return end.ms_since(begin);
  });
}

// Milliseconds of a call by the host's clock.
inline double call_ms(int runs, const std::function<void()>& call) {
  return median_of(runs, [&] {
    const auto start = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    return time.count();
  });
}

}  // namespace resnet::ladder
