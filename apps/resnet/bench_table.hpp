// The layers of `resnet bench --layers` against what the processor could do.
#pragma once

#include "bench_measure.hpp"

#include <map>
#include <string>

#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cli {

// What a kernel is held to.
struct Roofs {
  // GFLOP/s of multiply-adds at each precision that the network computes in; empty where nothing is known.
  std::map<Precision, double> gflops;
  // Of the device's memory, which a GPU's kernels are held to as well; 0: not asked.
  double gb_per_s = 0;

  bool known() const { return !gflops.empty(); }
};

// Of a processor, measured from registers; of a GPU, its data sheet's operations and the bandwidth of a copy.
// Takes a fraction of a second for each.
Roofs measure_roofs(const Session& session, const Measurement& measurement);

// The least time of a layer: that of its operations, or of the bytes it has to move where that is longer. 0
// where neither is known.
double least_ms(const LayerTime& layer, const Roofs& roofs);

// The sum of the layers' least times, and the GFLOP/s of a network that takes no longer; 0 where nothing is
// known.
double network_least_ms(const Measurement& measurement, const Roofs& roofs);
double network_roof(const Measurement& measurement, const Roofs& roofs);

// A line a kernel, their sum, and how to read what is over 100 %.
std::string layer_table(const Measurement& measurement, const Roofs& roofs);

}  // namespace resnet::cli
