#include "cuda/stream.hpp"

#include "cuda/check.hpp"

#include <thread>

namespace resnet::cuda {

// Destructors ignore their status: what they release is gone with the context if the device was lost.

DeviceScope::DeviceScope(int device) {
  RESNET_CUDA_CHECK(cudaGetDevice(&before_));
  if (before_ != device) RESNET_CUDA_CHECK(cudaSetDevice(device));
}

DeviceScope::~DeviceScope() {
  static_cast<void>(cudaSetDevice(before_));
}

Stream::Stream() {
  RESNET_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

Stream::~Stream() {
  if (stream_ != nullptr) static_cast<void>(cudaStreamDestroy(stream_));
}

void Stream::synchronize() const {
  RESNET_CUDA_CHECK(cudaStreamSynchronize(stream_));
}

Event::Event(unsigned flags) {
  RESNET_CUDA_CHECK(cudaEventCreateWithFlags(&event_, flags));
}

Event::~Event() {
  if (event_ != nullptr) static_cast<void>(cudaEventDestroy(event_));
}

void Event::record(cudaStream_t stream) const {
  RESNET_CUDA_CHECK(cudaEventRecord(event_, stream));
}

void Event::synchronize() const {
  RESNET_CUDA_CHECK(cudaEventSynchronize(event_));
}

void Event::wait_yielding() const {
  cudaError_t status = cudaEventQuery(event_);
  for (; status == cudaErrorNotReady; status = cudaEventQuery(event_)) std::this_thread::yield();
  static_cast<void>(cudaGetLastError());  // "not ready" is no error that the next launch should find
  RESNET_CUDA_CHECK(status);
}

double Event::ms_since(const Event& start) const {
  float ms = 0;
  RESNET_CUDA_CHECK(cudaEventElapsedTime(&ms, start.event_, event_));
  return ms;
}

}  // namespace resnet::cuda
