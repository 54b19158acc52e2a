// Times a Session: the whole network, and each of its kernels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cli {

struct MeasureOptions {
  int batch = 1;
  double seconds = 2;  // measured runs go on until both are reached
  int least_runs = 10;
  bool layers = false;  // time kernels too, in runs of their own
};

struct LayerTime {
  std::string layer;  // "layer1.0.conv1"
  std::string kernel;
  Precision precision = Precision::fp32;  // what it computes in: an int8 model may keep modules in fp32
  double ms = 0;                          // median
  double gflops = 0;                      // 0 for kernels that multiply nothing
};

struct Measurement {
  int runs = 0;
  double ms_median = 0, ms_min = 0, ms_p99 = 0;
  double images_per_s = 0;  // by the median
  double gflops = 0;        // by the median: 2 operations a multiply-add of the direct algorithm
  std::vector<LayerTime> layers;
};

// Warms up (caches, page tables, clock), then measures the session that was made of `model`. The input is
// seeded normal noise, which has the scale of a normalised photo; zeros would let the processor draw less
// power and clock higher.
Measurement measure(const Model& model, const Session& session, const MeasureOptions& options);

// The value below or at which `fraction` of the sorted values lie (nearest rank).
double percentile(std::vector<double> values, double fraction);

}  // namespace resnet::cli
