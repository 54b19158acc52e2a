// What a launch should take, worked out before it is measured: the greater of its instructions over the
// multiprocessors' rate and its bytes over the memory's, and what it costs to start a kernel.
//
// The model is a few lines on purpose. Where it errs is what docs/kernels.md learns from.
#pragma once

#include "ladder/tile.hpp"

namespace resnet::ladder {

enum class Product { tiled, register_tiled, double_buffered, implicit };

struct Gpu {
  int multiprocessors;
  double hertz;             // of the multiprocessors' clock, at its highest
  double bytes_per_second;  // that a copy in its memory reads and writes

  static Gpu of_device(int device);
};

// Seconds of one launch that reads and writes `bytes`, each value once.
double memory_seconds(const Gpu& gpu, double bytes);

// Seconds of one product, launched once, that reads and writes `bytes`.
double product_seconds(const Gpu& gpu, const GemmShape& shape, Product product, double bytes);

// Seconds of one of the tensor cores' kernels, `operations` at the rate of its unit, `starting` to start it.
double tensor_seconds(const Gpu& gpu, double operations, double operations_per_second, double bytes,
                      double starting);

// A kernel that waits for the one before it in a stream, from the end of that to its own first instruction;
// and one that a graph starts.
inline constexpr double kLaunchSeconds = 2e-6, kGraphSeconds = 1e-6;

}  // namespace resnet::ladder
