// Whole networks on every instruction set of this machine, in fp32 and bf16, against the reference backend,
// and the promises about bits: threads, batch, position in the batch and cuts change none.

#include "support/random_values.hpp"

#include <cmath>
#include <map>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

constexpr int kClasses = 10;  // not a multiple of any tile
constexpr double kTolerance = 3e-5;
constexpr double kBf16Cosine = 0.9995;

const Model& network(int depth) {
  static std::map<int, Model> models;
  auto it = models.find(depth);
  if (it == models.end()) it = models.emplace(depth, make_random_model(depth, kClasses, 7)).first;
  return it->second;
}

struct Case {
  int depth, batch, h, w;
  Plan plan;
};

struct Isa {
  std::string name;
  Precision precision;
};

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const std::string_view name : available_isas(precision))
      all.push_back({std::string(name), precision});
  }
  return all;
}

SessionOptions options_for(const Case& c, std::string backend, const Isa& isa, int threads) {
  return {.backend = std::move(backend),
          .precision = isa.precision,
          .plan = c.plan,
          .isa = isa.name,
          .threads = threads,
          .max_batch = c.batch,
          .height = c.h,
          .width = c.w};
}

std::vector<float> run(const Session& session, const std::vector<float>& input, const Shape& shape) {
  std::vector<float> output(static_cast<std::size_t>(session.output_shape(shape).numel()));
  session.run(input, shape, output);
  return output;
}

// How far a module's values are from the reference's.
struct Distance {
  double largest = 0, worst = 0, cosine = 0;
  Distance(const float* values, const std::vector<float>& expected) {
    double product = 0, square = 0, expected_square = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto v = static_cast<double>(values[i]), e = static_cast<double>(expected[i]);
      largest = std::fmax(largest, std::fabs(e));
      if (!(std::fabs(v - e) <= worst)) worst = std::fabs(v - e);
      product += v * e, square += v * v, expected_square += e * e;
    }
    cosine = product / std::sqrt(square * expected_square);
  }
};

class NetworkTest : public testing::TestWithParam<std::tuple<Isa, Case>> {
 protected:
  const Isa& isa() const { return std::get<0>(GetParam()); }
  const Case& shape() const { return std::get<1>(GetParam()); }
  Shape input_shape() const { return {shape().batch, 3, shape().h, shape().w}; }
};

TEST_P(NetworkTest, EveryModuleEqualsTheReference) {
  const Case& c = shape();
  const Model& model = network(c.depth);
  const std::vector<float> input = test::random_values(input_shape().numel(), 5);
  const Session oracle(model, options_for(c, "reference", {"", Precision::fp32}, 2));
  const Session session(model, options_for(c, "cpu", isa(), 2));
  ASSERT_EQ(session.backend(), "cpu");
  ASSERT_EQ(session.isa(), isa().name);

  std::vector<std::vector<float>> expected;
  const Trace collect{.on_module = [&](int, const Shape& s, const float* v,
                                       double) { expected.emplace_back(v, v + s.numel()); },
                      .on_layer = {}};
  std::vector<float> logits(static_cast<std::size_t>(c.batch) * kClasses);
  oracle.run(input, input_shape(), logits, &collect);
  ASSERT_EQ(static_cast<int>(expected.size()), model.architecture.module_count());

  const Trace check{.on_module =
                        [&](int m, const Shape& s, const float* v, double) {
                          const std::vector<float>& e = expected[m];
                          ASSERT_EQ(s.numel(), static_cast<std::int64_t>(e.size()));
                          const Distance d(v, e);
                          const std::string& name = model.architecture.modules()[m].name;
                          EXPECT_GT(d.largest, 0) << name;
                          if (isa().precision == Precision::bf16) {
                            EXPECT_GE(d.cosine, kBf16Cosine) << name;
                          } else {
                            EXPECT_LE(d.worst, kTolerance * d.largest) << name;
                          }
                        },
                    .on_layer = {}};
  session.run(input, input_shape(), logits, &check);
  EXPECT_EQ(logits, run(session, input, input_shape())) << "watching a run changed its bits";
}

TEST_P(NetworkTest, ThreadsAndBatchChangeNoBit) {
  const Case& c = shape();
  const Model& model = network(c.depth);
  const std::vector<float> input = test::random_values(input_shape().numel(), 6);
  const std::vector<float> expected =
      run(Session(model, options_for(c, "cpu", isa(), 1)), input, input_shape());
  for (const int threads : {2, 3}) {
    EXPECT_EQ(run(Session(model, options_for(c, "cpu", isa(), threads)), input, input_shape()), expected)
        << threads << " threads";
  }
  const Session session(model, options_for(c, "cpu", isa(), 2));
  const std::size_t image = input.size() / c.batch;
  for (int n = 0; n < c.batch; ++n) {
    const std::vector<float> one(input.begin() + n * image, input.begin() + (n + 1) * image);
    const std::vector<float> logits(expected.begin() + n * kClasses, expected.begin() + (n + 1) * kClasses);
    EXPECT_EQ(run(session, one, {1, 3, c.h, c.w}), logits) << "image " << n;
  }
}

TEST_P(NetworkTest, EveryCutIsExact) {
  const Case& c = shape();
  const Model& model = network(c.depth);
  const std::vector<float> input = test::random_values(input_shape().numel(), 8);
  SessionOptions options = options_for(c, "cpu", isa(), 2);
  const std::vector<float> expected = run(Session(model, options), input, input_shape());
  // ResNet-18 at every module; packing the larger ones twice a cut takes longer, so every third.
  for (int cut = 1; cut < model.architecture.module_count(); cut += c.depth == 18 ? 1 : 3) {
    options.begin = 0, options.end = cut;
    const std::vector<float> middle = run(Session(model, options), input, input_shape());
    options.begin = cut, options.end = -1;
    const Shape middle_shape = model.architecture.output_shape(cut - 1, c.batch, c.h, c.w);
    EXPECT_EQ(run(Session(model, options), middle, middle_shape), expected) << "cut at " << cut;
  }
}

std::string case_name(const testing::TestParamInfo<std::tuple<Isa, Case>>& info) {
  const auto& [isa, c] = info.param;
  return isa.name + "_" + std::string(to_string(isa.precision)) + "_resnet" + std::to_string(c.depth) + "_n" +
         std::to_string(c.batch) + "_" + std::to_string(c.h) + "x" + std::to_string(c.w) + "_" +
         std::string(to_string(c.plan));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, NetworkTest,
                         testing::Combine(testing::ValuesIn(isas()),
                                          testing::Values(Case{18, 2, 64, 64, Plan::latency},
                                                          Case{18, 1, 33, 97, Plan::throughput},
                                                          Case{34, 1, 47, 32, Plan::latency},
                                                          Case{50, 2, 40, 56, Plan::latency},
                                                          Case{50, 1, 32, 32, Plan::throughput})),
                         case_name);

// The sizes people use: the crop of 224 and the range around it.
TEST(NetworkSizes, From160To448AndNotSquare) {
  const Model& model = network(18);
  for (const auto& [h, w] : {std::pair{160, 160}, {224, 224}, {448, 448}, {192, 320}}) {
    const Shape shape{1, 3, h, w};
    const std::vector<float> input = test::random_values(shape.numel(), 9);
    const Case c{18, 1, h, w, Plan::latency};
    const std::vector<float> expected =
        run(Session(model, options_for(c, "reference", {"", Precision::fp32}, 2)), input, shape);
    const std::vector<float> actual =
        run(Session(model, options_for(c, "cpu", {"", Precision::fp32}, 2)), input, shape);
    double largest = 0;
    for (const float v : expected) largest = std::fmax(largest, std::fabs(static_cast<double>(v)));
    for (int i = 0; i < kClasses; ++i) {
      EXPECT_NEAR(static_cast<double>(actual[i]), static_cast<double>(expected[i]), kTolerance * largest)
          << h << "x" << w;
    }
  }
}

TEST(NetworkKernels, TheTraceNamesWhatRan) {
  const Case c{50, 1, 64, 64, Plan::latency};
  const Session session(network(50), options_for(c, "cpu", {"", Precision::fp32}, 1));
  std::map<std::string, std::string> kernels;
  std::int64_t macs = 0;
  const Trace trace{.on_module = {}, .on_layer = [&](const LayerTrace& layer) {
                      kernels[layer.layer] = layer.kernel;
                      macs += layer.macs;
                    }};
  const Shape shape{1, 3, 64, 64};
  std::vector<float> logits(kClasses);
  session.run(test::random_values(shape.numel(), 1), shape, logits, &trace);
  EXPECT_EQ(kernels["stem"], "winograd_f3x3_fused");
  EXPECT_EQ(kernels["layer1.0.conv1"], "direct_1x1");
  EXPECT_EQ(kernels["layer1.0.conv2"], "winograd_f4x4");
  EXPECT_EQ(kernels["layer2.0.conv2"], "winograd_f4x4_s2");
  EXPECT_EQ(kernels["layer4.0.conv2"], "direct_3x3_s2");
  EXPECT_EQ(kernels["layer4.1.conv2"], "winograd_f2x2");
  std::int64_t expected = 0;
  for (int m = 0; m < session.architecture().module_count(); ++m)
    expected += session.architecture().macs(m, 64, 64);
  EXPECT_EQ(macs, expected);
}

// bf16 without instructions for it would be slower than fp32.
TEST(NetworkIsa, PortableBf16IsOnlyForThoseWhoAskForIt) {
  SessionOptions options;
  options.backend = "cpu";
  options.precision = Precision::bf16;
  options.isa = "portable";
  const Session asked(network(18), options);
  EXPECT_EQ(asked.isa(), "portable");
  if (available_isas(Precision::bf16).front() != "portable") return;
  try {
    options.isa.clear();
    const Session automatic(network(18), options);
    FAIL() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(e.what()).find("does not compute in bf16"), std::string::npos);
  }
}

TEST(NetworkIsa, AnUnknownOneIsRefusedByName) {
  try {
    Session(network(18), {.backend = "cpu", .isa = "avx1024"});
    FAIL() << "expected an error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    EXPECT_NE(std::string(e.what()).find("avx1024"), std::string::npos);
  }
}

}  // namespace
}  // namespace resnet
