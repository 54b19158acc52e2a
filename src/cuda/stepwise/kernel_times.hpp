// How long each kernel of a run took on the device, by pairs of events around it.
#pragma once

#include "cuda/stream.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::cuda::stepwise {

// Used by one run at a time. Where nobody watches it does nothing; events are made by the first run that is
// watched.
class KernelTimes {
 public:
  // Forgets what was measured. `watched`: whether this run is to be timed.
  void start(bool watched) {
    watched_ = watched;
    used_ = 0;
    reported_ = 0;
  }

  // Marks where a kernel begins, and where it ends with what begin() gave.
  std::size_t begin(cudaStream_t stream, int module, const std::string& layer, const char* kernel,
                    std::int64_t macs) {
    if (!watched_) return 0;
    if (used_ == spans_.size()) spans_.emplace_back();
    Span& span = spans_[used_];
    span.trace = {.module = module, .layer = layer, .kernel = kernel, .ms = 0, .macs = macs};
    span.begin.record(stream);
    return used_++;
  }
  void end(cudaStream_t stream, std::size_t mark) {
    if (watched_) spans_[mark].end.record(stream);
  }

  // Once the stream has done them all: hands what was not reported yet to `on_layer`, if it is one, and gives
  // the sum of its times in milliseconds.
  double report(const std::function<void(const LayerTrace&)>& on_layer) {
    double sum = 0;
    for (; reported_ < used_; ++reported_) {
      Span& span = spans_[reported_];
      span.trace.ms = span.end.ms_since(span.begin);
      sum += span.trace.ms;
      if (on_layer) on_layer(span.trace);
    }
    return sum;
  }

 private:
  struct Span {
    LayerTrace trace;
    Event begin, end;
  };
  std::vector<Span> spans_;
  std::size_t used_ = 0, reported_ = 0;
  bool watched_ = false;
};

}  // namespace resnet::cuda::stepwise
