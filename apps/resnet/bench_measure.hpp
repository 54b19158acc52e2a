// Times a Session: the whole network, and each of its kernels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/precision.hpp>
#include <resnet/session.hpp>

namespace resnet::cli {

// What a call hands over: the network's input, or the 8-bit pixels that it is made of.
enum class InputType { f32, u8 };

struct MeasureOptions {
  int batch = 1;
  int calls = 1;  // at once, each from a thread of its own
  InputType input_type = InputType::f32;
  double seconds = 2;  // measured runs go on until both are reached
  int least_runs = 10;
  bool layers = false;                    // time kernels too, in runs of their own
  std::vector<float> input = {};          // of the whole batch; empty: noise
  std::vector<std::uint8_t> pixels = {};  // the same of InputType::u8: [batch, H, W, 3]
};

struct LayerTime {
  std::string layer;  // "layer1.0.conv1"
  std::string kernel;
  Precision precision = Precision::fp32;  // what it computes in: an int8 model may keep modules in fp32
  double ms = 0;                          // median
  double gflops = 0;                      // 0 for kernels that multiply nothing
  std::int64_t bytes = 0;                 // 0 where it is not known
};

struct Measurement {
  int runs = 0;
  // Of a run by the GPU's own clock where the session is on one, its input and output in the GPU's memory;
  // else, and with several calls at once, of a call by the wall clock.
  double ms_median = 0, ms_min = 0, ms_p99 = 0;
  bool device_clock = false;
  double call_ms_median = 0;  // of a call by the wall clock: with the copies to a GPU and back
  double images_per_s = 0;    // by the median; of several calls at once: of all of them together
  double gflops = 0;          // as images_per_s: 2 operations a multiply-add of the direct algorithm
  std::vector<LayerTime> layers;
  std::vector<float> output;  // of the input
};

// Warms up (caches, page tables, clock), then measures the session that was made of `model`. Without an input
// it takes seeded noise, normal, which has the scale of a normalised photo, or even among pixels; zeros would
// let the processor draw less power and clock higher.
Measurement measure(const Model& model, const Session& session, const MeasureOptions& options);

// The value below or at which `fraction` of the sorted values lie (nearest rank).
double percentile(std::vector<double> values, double fraction);

}  // namespace resnet::cli
