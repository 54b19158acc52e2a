#include "bench_measure.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <mutex>
#include <random>
#include <span>
#include <thread>

#include <resnet/quantization.hpp>

namespace resnet::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUpRuns = 3;
constexpr double kWarmUpSeconds = 0.3;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Calls `run` until both limits are reached.
void repeat(int least_runs, double seconds, const std::function<void()>& run) {
  const auto start = Clock::now();
  for (int i = 0; i < least_runs || milliseconds_since(start) < seconds * 1000; ++i) run();
}

double gflops(std::int64_t macs, double ms) {
  return ms > 0 ? 2 * static_cast<double>(macs) / ms * 1e-6 : 0;
}

std::vector<float> noise(std::int64_t count) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return normal(generator); });
  return values;
}

std::vector<std::uint8_t> pixel_noise(std::int64_t count) {
  std::mt19937 generator(1);
  std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
  std::generate(values.begin(), values.end(), [&] { return static_cast<std::uint8_t>(generator() >> 24); });
  return values;
}

// options.calls threads warm up, start together, and each calls until it has made enough calls and its time
// is over. Returns the times of all calls; `images_per_ms` is of all threads together. `output` is what one
// of them computed.
std::vector<double> time_together(const MeasureOptions& options, std::span<float> output,
                                  const std::function<void(std::span<float>, const Trace*)>& run,
                                  double& images_per_ms) {
  std::mutex mutex;
  std::vector<double> times;
  std::exception_ptr failure;
  std::barrier start_line(options.calls);
  std::vector<Clock::time_point> begun(static_cast<std::size_t>(options.calls)), ended(begun.size());
  const auto guarded = [&](const auto& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  const auto call_on = [&](std::size_t caller) {
    std::vector<float> own(output.size());
    std::vector<double> own_times;
    guarded(
        [&] { repeat(kWarmUpRuns, std::min(kWarmUpSeconds, options.seconds), [&] { run(own, nullptr); }); });
    start_line.arrive_and_wait();
    begun[caller] = Clock::now();
    guarded([&] {
      repeat(options.least_runs, options.seconds, [&] {
        const auto start = Clock::now();
        run(own, nullptr);
        own_times.push_back(milliseconds_since(start));
      });
    });
    ended[caller] = Clock::now();
    const std::lock_guard lock(mutex);
    times.insert(times.end(), own_times.begin(), own_times.end());
    if (caller == 0) std::copy(own.begin(), own.end(), output.begin());
  };
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < begun.size(); ++i) callers.emplace_back(call_on, i);
  for (std::thread& caller : callers) caller.join();
  if (failure) std::rethrow_exception(failure);
  const double ms = std::chrono::duration<double, std::milli>(*std::max_element(ended.begin(), ended.end()) -
                                                              *std::min_element(begun.begin(), begun.end()))
                        .count();
  images_per_ms = static_cast<double>(times.size()) * options.batch / ms;
  return times;
}

// The network's multiply-adds for a batch.
std::int64_t network_macs(const Session& session, int batch) {
  const SessionOptions& options = session.options();
  std::int64_t macs = 0;
  for (int module = options.begin; module < options.end; ++module) {
    macs += session.architecture().macs(module, options.height, options.width);
  }
  return macs * batch;
}

}  // namespace

double percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

Measurement measure(const Model& model, const Session& session, const MeasureOptions& options) {
  const Shape shape{options.batch, 3, session.options().height, session.options().width};
  const bool pixels = options.input_type == InputType::u8;
  const std::vector<float> input = pixels || !options.input.empty() ? options.input : noise(shape.numel());
  const std::vector<std::uint8_t> rgb =
      !pixels || !options.pixels.empty() ? options.pixels : pixel_noise(shape.numel());
  Measurement result;
  result.output.resize(static_cast<std::size_t>(session.output_shape(shape).numel()));
  const auto run_to = [&](std::span<float> output, const Trace* trace = nullptr) {
    if (pixels) {
      session.run_pixels(rgb, shape, output, trace);
    } else {
      session.run(input, shape, output, trace);
    }
  };
  const auto run = [&](const Trace* trace = nullptr) { run_to(result.output, trace); };

  std::vector<double> times;
  double images_per_ms = 0;
  if (options.calls > 1) {
    times = time_together(options, result.output, run_to, images_per_ms);
    result.call_ms_median = percentile(times, 0.5);
  } else {
    repeat(kWarmUpRuns, std::min(kWarmUpSeconds, options.seconds), run);
    repeat(options.least_runs, options.seconds, [&] {
      const auto start = Clock::now();
      run();
      times.push_back(milliseconds_since(start));
    });
    result.call_ms_median = percentile(times, 0.5);
    result.device_clock = session.device_ms(shape).has_value();
    if (result.device_clock) {
      times.clear();
      repeat(options.least_runs, options.seconds, [&] { times.push_back(*session.device_ms(shape)); });
    }
    images_per_ms = options.batch / percentile(times, 0.5);
  }

  result.runs = static_cast<int>(times.size());
  result.ms_median = percentile(times, 0.5);
  result.ms_min = percentile(times, 0);
  result.ms_p99 = percentile(times, 0.99);
  result.images_per_s = images_per_ms * 1000;
  result.gflops = gflops(network_macs(session, options.batch), options.batch / images_per_ms);
  if (!options.layers) return result;

  // Kernels come in the same order in every run.
  std::vector<LayerTrace> layers;
  std::vector<std::vector<double>> layer_times;
  std::size_t next = 0;
  Trace trace;
  trace.on_layer = [&](const LayerTrace& layer) {
    if (next == layers.size()) {
      layers.push_back(layer);
      layer_times.emplace_back();
    }
    layer_times[next++].push_back(layer.ms);
  };
  repeat(options.least_runs, options.seconds, [&] {
    next = 0;
    run(&trace);
  });
  const auto precision_of = [&](int module) {
    const bool kept = keeps(model.quantization, model.architecture, module);
    return kept ? Precision::fp32 : *session.options().precision;
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double ms = percentile(layer_times[i], 0.5);
    result.layers.push_back({layers[i].layer, layers[i].kernel, precision_of(layers[i].module), ms,
                             gflops(layers[i].macs, ms), layers[i].bytes});
  }
  return result;
}

}  // namespace resnet::cli
