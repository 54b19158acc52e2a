// Streams, events and the device that a thread speaks to: move-only owners of what the runtime hands out.
#pragma once

#include <utility>

#include <cuda_runtime_api.h>

namespace resnet::cuda {

// Makes `device` the calling thread's for the life of this object.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = 0;
};

// A queue of work on the device that was current when it was made. It does not wait for the legacy default
// stream, nor that for it.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }

  cudaStream_t get() const noexcept { return stream_; }
  // Waits until everything in the queue is done. Throws Error where any of it failed.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

// A mark in a stream, with its time.
class Event {
 public:
  explicit Event(unsigned flags = cudaEventDefault);  // or cudaEventDisableTiming
  ~Event();
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }

  cudaEvent_t get() const noexcept { return event_; }
  void record(cudaStream_t stream) const;
  void synchronize() const;  // waits until the stream has come to the mark
  // The same, but the processor is left to threads that have work. Asleep, a thread would learn of the mark
  // some fifty microseconds late.
  void wait_yielding() const;
  // From `start` to this one; both recorded and reached.
  double ms_since(const Event& start) const;

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace resnet::cuda
