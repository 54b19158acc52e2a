#include "bench_measure.hpp"

#include "support/quantized_model.hpp"

#include <gtest/gtest.h>

#include <resnet/model.hpp>

namespace resnet::cli {
namespace {

TEST(BenchMeasure, PercentileIsNearestRank) {
  const std::vector<double> values{5, 1, 4, 2, 3};
  EXPECT_EQ(percentile(values, 0), 1);
  EXPECT_EQ(percentile(values, 0.5), 3);
  EXPECT_EQ(percentile(values, 0.99), 5);
  EXPECT_EQ(percentile({7}, 0.5), 7);
}

TEST(BenchMeasure, MeasuresAndNamesEveryModule) {
  Model model = make_random_model(18, 10, 1);
  model.preprocess.center_crop = Size{32, 32};
  SessionOptions options;
  options.max_batch = 2;
  const Session session(model, options);
  const Measurement m = measure(model, session, {.batch = 2, .seconds = 0, .least_runs = 3, .layers = true});
  EXPECT_EQ(m.runs, 3);
  EXPECT_GT(m.ms_min, 0);
  EXPECT_LE(m.ms_min, m.ms_median);
  EXPECT_LE(m.ms_median, m.ms_p99);
  EXPECT_DOUBLE_EQ(m.images_per_s, 2000 / m.ms_median);
  EXPECT_FALSE(m.device_clock);
  EXPECT_EQ(m.call_ms_median, m.ms_median);
  EXPECT_EQ(m.output.size(), 20U);
  EXPECT_GT(m.gflops, 0);
  ASSERT_FALSE(m.layers.empty());
  double speed = 0;
  for (const LayerTime& layer : m.layers) {
    EXPECT_FALSE(layer.layer.empty());
    EXPECT_FALSE(layer.kernel.empty());
    EXPECT_GE(layer.ms, 0);
    speed += layer.gflops;
  }
  EXPECT_GT(speed, 0);
}

TEST(BenchMeasure, CallsAtOnceCountTogether) {
  Model model = make_random_model(18, 10, 1);
  model.preprocess.center_crop = Size{32, 32};
  const Session session(model);
  const MeasureOptions options{
      .batch = 2, .calls = 3, .input_type = InputType::u8, .seconds = 0, .least_runs = 2};
  const Measurement m = measure(model, session, options);
  EXPECT_EQ(m.runs, 6);
  EXPECT_FALSE(m.device_clock);
  EXPECT_GT(m.images_per_s, 0);
  EXPECT_EQ(m.call_ms_median, m.ms_median);
  EXPECT_EQ(m.output,
            measure(model, session, {.batch = 2, .input_type = InputType::u8, .seconds = 0}).output);
}

TEST(BenchMeasure, TellsWhatAnInt8ModelKeepsInFp32) {
  Model model = test::quantized_random_model(18, 10, {.keep = {"conv1", "layer2.0", "fc"}});
  model.preprocess.center_crop = Size{32, 32};
  const Session session(model);
  const Measurement m = measure(model, session, {.seconds = 0, .least_runs = 1, .layers = true});
  int kept = 0;
  for (const LayerTime& layer : m.layers) {
    if (layer.gflops == 0) continue;  // "input" and "output" stand where the precision changes
    const bool block = layer.layer.starts_with("layer");
    const bool fp32 = !block || layer.layer.starts_with("layer2.0");
    EXPECT_EQ(layer.precision, fp32 ? Precision::fp32 : Precision::int8) << layer.layer;
    kept += fp32 ? 1 : 0;
  }
  EXPECT_GT(kept, 3);
}

}  // namespace
}  // namespace resnet::cli
