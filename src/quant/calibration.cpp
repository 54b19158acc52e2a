#include "quant/calibration.hpp"

#include <cmath>
#include <vector>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet::quant {
namespace {

// The centred 8-bit pixels behind a normalised tensor, as the stem will see them.
std::vector<float> centred_pixels(std::span<const float> input, const Shape& shape, const Preprocess& p) {
  std::vector<float> pixels(input.begin(), input.end());
  const std::size_t plane = static_cast<std::size_t>(shape[2] * shape[3]);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t c = i / plane % 3;
    pixels[i] = (pixels[i] * p.std[c] + p.mean[c]) * 255.0f - std::nearbyint(255.0f * p.mean[c]);
  }
  return pixels;
}

std::vector<float> plane_means(std::span<const float> values, const Shape& shape) {
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<float> means(values.size() / plane);
  for (std::size_t p = 0; p < means.size(); ++p) {
    double sum = 0;
    for (const float v : values.subspan(p * plane, plane)) sum += static_cast<double>(v);
    means[p] = static_cast<float>(sum / static_cast<double>(plane));
  }
  return means;
}

}  // namespace

Statistics calibrate(const Model& model, const CalibrationData& data, int threads) {
  SessionOptions session_options;
  session_options.device = "cpu";
  session_options.backend = "cpu";
  session_options.threads = threads;
  const Session session(model, session_options);
  std::string last_of_network;  // the last convolution on the path, whose output is pooled
  for (const ConvSpec& spec : model.architecture.convolutions(model.architecture.head() - 1)) {
    if (!spec.conv.ends_with("downsample.0")) last_of_network = spec.conv;
  }
  Statistics statistics;
  std::vector<float> logits;
  bool any = false;
  for (const bool histogram : {false, true}) {
    const auto observe = [&](const std::string& name, std::span<const float> values, const Shape& shape) {
      ActivationStatistics& s = statistics[name];
      if (histogram) {
        s.observe_histogram(values);
      } else {
        s.observe_range(values, shape);
      }
    };
    Trace trace;
    trace.on_activation = [&](const std::string& layer, const Shape& shape, const float* values) {
      const std::span<const float> all(values, static_cast<std::size_t>(shape.numel()));
      observe(layer, all, shape);
      if (layer == last_of_network) observe(kPooled, plane_means(all, shape), Shape{shape[0], shape[1]});
    };
    data([&](std::span<const float> input, const Shape& shape) {
      any = true;
      if (!histogram) observe(kPixels, centred_pixels(input, shape, model.preprocess), shape);
      logits.resize(static_cast<std::size_t>(session.output_shape(shape).numel()));
      session.run(input, shape, logits, &trace);
    });
  }
  if (!any) throw Error(ErrorCode::invalid_argument, "quantisation needs at least one calibration picture");
  return statistics;
}

}  // namespace resnet::quant
