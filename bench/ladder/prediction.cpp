#include "ladder/prediction.hpp"

#include "cuda/check.hpp"
#include "cuda/roofline.hpp"

#include <algorithm>
#include <cmath>

namespace resnet::ladder {
namespace {

constexpr double kMemoryCycles = 700;  // from asking for a value to having it
constexpr int kSchedulers = 4;         // of a multiprocessor, each starting a warp's instruction a cycle
constexpr int kWarp = 32;

// How a block of one of the products passes a step of k.
struct BlockStep {
  int k;
  int threads, resident;
  std::int64_t blocks;
  double cycles;  // that one warp keeps its scheduler busy
  bool buffered;  // memory is waited for while computing
};

double ceiling(double a, double b) {
  return std::ceil(a / b);
}

BlockStep tiled_step(const GemmShape& shape) {
  constexpr int kSide = 32;
  const double blocks = ceiling(shape.m, kSide) * ceiling(shape.plane, kSide) * shape.images;
  // Shared memory serves one of the four schedulers' requests at a time: 1.56 cycles a multiply-add and warp
  // (stepwise/sgemm_tiled.cu).
  return {.k = kSide,
          .threads = kSide * kSide,
          .resident = 2,
          .blocks = static_cast<std::int64_t>(blocks),
          .cycles = kSide * 1.56 * kSchedulers,
          .buffered = false};
}

BlockStep register_step(const TileChoice& t, Product product) {
  return {.k = t.k,
          .threads = t.threads,
          .resident = t.resident,
          .blocks = t.blocks,
          .cycles = static_cast<double>(t.instructions),
          .buffered = product != Product::register_tiled};
}

}  // namespace

Gpu Gpu::of_device(int device) {
  int count = 0, kilohertz = 0;
  RESNET_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  RESNET_CUDA_CHECK(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, device));
  return {.multiprocessors = count,
          .hertz = kilohertz * 1e3,
          .bytes_per_second = cuda::measure_bandwidth(device) * 1e9};
}

double memory_seconds(const Gpu& gpu, double bytes) {
  return bytes / gpu.bytes_per_second + kLaunchSeconds;
}

double tensor_seconds(const Gpu& gpu, double operations, double operations_per_second, double bytes,
                      double starting) {
  return std::max(operations / operations_per_second, bytes / gpu.bytes_per_second) + starting;
}

double product_seconds(const Gpu& gpu, const GemmShape& shape, Product product, double bytes) {
  const BlockStep step = product == Product::tiled
                             ? tiled_step(shape)
                             : register_step(choose_tile(shape, gpu.multiprocessors), product);
  // The fullest multiprocessor has this many blocks, some of them at a time.
  const double blocks = ceiling(static_cast<double>(step.blocks), gpu.multiprocessors);
  const double together = std::min<double>(blocks, step.resident);
  const auto busy = [&](double resident) {
    return step.cycles * ceiling(resident * step.threads / kWarp, kSchedulers);
  };
  // Blocks on one multiprocessor fill each other's waits; a block alone waits, or computes meanwhile.
  const double alone = step.buffered ? kMemoryCycles : busy(1) + kMemoryCycles;
  const double cycles =
      ceiling(blocks, together) * ceiling(shape.k, step.k) * std::max(busy(together), alone);
  return std::max(cycles / gpu.hertz, bytes / gpu.bytes_per_second) + kLaunchSeconds;
}

}  // namespace resnet::ladder
