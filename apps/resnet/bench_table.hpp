// The layers of `resnet bench --layers` against what the processor could do.
#pragma once

#include "bench_measure.hpp"

#include <map>
#include <string>

#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cli {

// What multiply-adds from registers reach, in GFLOP/s, at each precision that a network computes in; empty
// where nothing is known.
using Roofs = std::map<Precision, double>;

// Measures the roofs of the layers' precisions; takes a fraction of a second for each.
Roofs measure_roofs(const Session& session, const Measurement& measurement);

// The GFLOP/s of a network whose every layer is at the roof of its precision; 0 where nothing is known.
double network_roof(const Measurement& measurement, const Roofs& roofs);

// A line a kernel, their sum, and a line on how to read what is over 100 % where something is.
std::string layer_table(const Measurement& measurement, const Roofs& roofs);

}  // namespace resnet::cli
