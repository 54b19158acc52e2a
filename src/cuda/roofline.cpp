#include "cuda/roofline.hpp"

#include "cuda/check.hpp"
#include "cuda/devices.hpp"
#include "cuda/memory.hpp"
#include "cuda/stream.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace resnet::cuda {

double unit_gflops(int device, std::string_view family, Precision precision) {
  const Device& d = require_device(devices(), device);
  if (d.major != 9 || d.minor != 0) return 0;
  int multiprocessors = 0;
  RESNET_CUDA_CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  // TFLOP/s of 132 multiprocessors (data sheet of the H200, without sparsity).
  constexpr double kFp32Units = 66.9, kTf32 = 494.7, kFp16 = 989.4, kInt8 = 1978.9;
  // dp4a: four products, by the integer units, of which there are half as many.
  if (family.empty() || family == to_string(Family::simt))
    return (precision == Precision::int8 ? 2 : 1) * kFp32Units * 1000 * multiprocessors / 132;
  const double whole = precision == Precision::int8   ? kInt8
                       : precision == Precision::tf32 ? kTf32
                       : precision != Precision::fp32 ? kFp16
                                                      : kFp16 / 3;
  return whole * 1000 * multiprocessors / 132;
}

double measure_bandwidth(int device) {
  constexpr int kCopies = 9;
  const DeviceScope scope(device);
  std::size_t free = 0, all = 0;
  RESNET_CUDA_CHECK(cudaMemGetInfo(&free, &all));
  const std::size_t bytes = std::min(std::size_t{1} << 30, free / 4);
  const DeviceBuffer<std::byte> from(bytes), to(bytes);
  const Stream stream;
  const Event start, stop;
  RESNET_CUDA_CHECK(cudaMemsetAsync(from.data(), 1, bytes, stream.get()));
  std::array<double, kCopies> ms{};
  for (double& one : ms) {
    start.record(stream.get());
    copy_bytes(to.data(), from.data(), bytes, stream.get());
    stop.record(stream.get());
    stop.synchronize();
    one = stop.ms_since(start);
  }
  std::ranges::nth_element(ms, ms.begin() + kCopies / 2);
  return 2 * static_cast<double>(bytes) / ms[kCopies / 2] * 1e-6;
}

}  // namespace resnet::cuda
