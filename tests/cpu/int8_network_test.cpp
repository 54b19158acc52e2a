// Whole quantised networks on every instruction set of this machine: the reference's logits bit for bit,
// whatever the threads, the batch, the position in it and the cut.

#include "quant/quantize.hpp"
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <cmath>
#include <map>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

constexpr int kClasses = 10, kSide = 48;

// Normalised tensors of random pixels.
std::vector<float> pictures(const Model& model, const Shape& shape, std::uint64_t seed) {
  std::vector<float> values = test::random_values(shape.numel(), seed);
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / plane % 3;
    const float pixel = std::nearbyint((values[i] + 1) * 127.5f);
    values[i] = (pixel / 255.0f - model.preprocess.mean[c]) / model.preprocess.std[c];
  }
  return values;
}

const Model& network(int depth) {
  static std::map<int, Model> models;
  auto it = models.find(depth);
  if (it == models.end()) {
    const Model model = make_random_model(depth, kClasses, 7);
    const Shape shape{1, 3, kSide, kSide};
    const quant::CalibrationData data = [&](const auto& visit) { visit(pictures(model, shape, 1), shape); };
    it = models.emplace(depth, quant::quantize(model, data, {}).model).first;
  }
  return it->second;
}

struct Case {
  int depth, batch, h, w;
};

class Int8NetworkTest : public testing::TestWithParam<std::tuple<std::string_view, Case>> {
 protected:
  const Case& shape() const { return std::get<1>(GetParam()); }
  const Model& model() const { return network(shape().depth); }
  Shape input_shape() const { return {shape().batch, 3, shape().h, shape().w}; }
  std::vector<float> input() const { return pictures(model(), input_shape(), 5); }
  SessionOptions options(int threads = 2) const {
    return {.backend = "cpu",
            .isa = std::string(std::get<0>(GetParam())),
            .threads = threads,
            .max_batch = shape().batch,
            .height = shape().h,
            .width = shape().w};
  }
  SessionOptions reference() const {
    SessionOptions o = options();
    o.backend = "reference", o.isa = "";
    return o;
  }
};

TEST_P(Int8NetworkTest, EveryModuleEqualsTheReference) {
  const Session oracle(model(), reference()), session(model(), options());
  ASSERT_EQ(session.backend(), "cpu");
  ASSERT_EQ(session.isa(), std::get<0>(GetParam()));
  ASSERT_EQ(session.options().precision, Precision::int8);
  std::map<int, std::vector<float>> expected;
  const Trace collect{.on_module = [&](int m, const Shape& s, const float* v, double) {
    expected[m].assign(v, v + s.numel());
  }};
  std::vector<float> logits(static_cast<std::size_t>(shape().batch) * kClasses);
  oracle.run(input(), input_shape(), logits, &collect);
  int modules = 0;
  const Trace check{.on_module = [&](int m, const Shape& s, const float* v, double) {
    EXPECT_EQ(expected.at(m), std::vector<float>(v, v + s.numel())) << model().architecture.modules()[m].name;
    ++modules;
  }};
  session.run(input(), input_shape(), logits, &check);
  EXPECT_EQ(modules, static_cast<int>(expected.size()));
  EXPECT_EQ(logits, test::run(session, input(), input_shape())) << "watching a run changed its bits";
  EXPECT_EQ(logits, test::run(oracle, input(), input_shape()));
}

TEST_P(Int8NetworkTest, ThreadsAndBatchChangeNoBit) {
  const std::vector<float> in = input(),
                           expected = test::run(Session(model(), options(1)), in, input_shape());
  for (const int threads : {2, 3})
    EXPECT_EQ(test::run(Session(model(), options(threads)), in, input_shape()), expected)
        << threads << " threads";

  const Session session(model(), options());
  const std::size_t image = in.size() / shape().batch;
  for (int n = 0; n < shape().batch; ++n) {
    const std::vector<float> one(in.begin() + n * image, in.begin() + (n + 1) * image);
    const std::vector<float> logits(expected.begin() + n * kClasses, expected.begin() + (n + 1) * kClasses);
    EXPECT_EQ(test::run(session, one, {1, 3, shape().h, shape().w}), logits) << "image " << n;
  }
}

TEST_P(Int8NetworkTest, EveryCutIsExact) {
  const std::vector<float> in = input(), expected = test::run(Session(model(), options()), in, input_shape());
  // ResNet-18 at every module; packing the larger one twice a cut takes longer, so every fourth.
  for (int cut = 4; cut < model().architecture.module_count(); cut += shape().depth == 18 ? 1 : 4) {
    SessionOptions o = options();
    o.end = cut;
    const std::vector<float> middle = test::run(Session(model(), o), in, input_shape());
    o.begin = cut, o.end = -1;
    const Shape middle_shape =
        model().architecture.output_shape(cut - 1, shape().batch, shape().h, shape().w);
    EXPECT_EQ(test::run(Session(model(), o), middle, middle_shape), expected) << "cut at " << cut;
  }
}

std::string case_name(const testing::TestParamInfo<std::tuple<std::string_view, Case>>& info) {
  const Case& c = std::get<1>(info.param);
  return std::string(std::get<0>(info.param)) + "_resnet" + std::to_string(c.depth) + "_n" +
         std::to_string(c.batch) + "_" + std::to_string(c.h) + "x" + std::to_string(c.w);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Int8NetworkTest,
                         testing::Combine(testing::ValuesIn(available_isas(Precision::int8)),
                                          testing::Values(Case{18, 2, 64, 64}, Case{18, 1, 33, 97},
                                                          Case{50, 2, 40, 56})),
                         case_name);

}  // namespace
}  // namespace resnet
