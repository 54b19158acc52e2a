// Networks with parts in fp32: every backend, batch, number of threads and cut.
#include "support/quantized_model.hpp"
#include "support/session_run.hpp"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include <resnet/session.hpp>

namespace resnet {
namespace {

constexpr int kClasses = 5, kSide = 40, kBatch = 2;

using Keep = std::vector<std::string>;

// Made once for all tests of the same parts: quantising takes longer than running.
const Model& mixed_model(const Model& exact, const Keep& keep) {
  static std::map<Keep, Model> models;
  const auto it = models.find(keep);
  return it != models.end() ? it->second
                            : models.emplace(keep, test::quantized(exact, {.keep = keep})).first->second;
}

SessionOptions options(std::string_view backend, int threads = 2) {
  SessionOptions o;
  o.backend = backend;
  o.threads = threads;
  o.max_batch = kBatch;
  o.height = o.width = kSide;
  return o;
}

class MixedExecutable : public testing::TestWithParam<std::tuple<std::string_view, Keep>> {
 protected:
  std::string_view backend() const { return std::get<0>(GetParam()); }
  const Keep& keep() const { return std::get<1>(GetParam()); }

  const Shape shape_{kBatch, 3, kSide, kSide};
  const std::vector<float> input_ = test::random_values(shape_.numel(), 11);
  const Model exact_ = make_random_model(18, kClasses, 7);
  const Model& mixed_ = mixed_model(exact_, keep());
};

TEST_P(MixedExecutable, ThreadsBatchAndCutsChangeNoBit) {
  const std::vector<float> logits = test::run(Session(mixed_, options(backend(), 1)), input_, shape_);
  const Session session(mixed_, options(backend(), 3));
  EXPECT_EQ(test::run(session, input_, shape_), logits);
  const std::vector<float> second(input_.begin() + 3 * kSide * kSide, input_.end());
  EXPECT_EQ(test::run(session, second, {1, 3, kSide, kSide}),
            std::vector<float>(logits.begin() + kClasses, logits.end()));
  for (int cut = 4; cut <= mixed_.architecture.head(); ++cut) {
    SessionOptions front = options(backend()), back = front;
    front.end = back.begin = cut;
    const Session a(mixed_, front), b(mixed_, back);
    EXPECT_EQ(test::run(b, test::run(a, input_, shape_), a.output_shape(shape_)), logits) << "cut at " << cut;
  }
}

TEST_P(MixedExecutable, AWatcherSeesEveryModuleUnderItsNumber) {
  const Session session(mixed_, options(backend()));
  int last = -1;
  const Trace watch{.on_module =
                        [&](int module, const Shape& shape, const float* values, double) {
                          EXPECT_GT(module, last);
                          last = module;
                          if (module < 3) return;  // inside the stem nothing is cut
                          SessionOptions o = options(backend());
                          o.end = module + 1;
                          EXPECT_EQ(test::run(Session(mixed_, o), input_, shape_),
                                    std::vector<float>(values, values + shape.numel()))
                              << module;
                        },
                    .on_layer = [&](const LayerTrace& layer) { EXPECT_GE(layer.module, last); }};
  const std::vector<float> logits = test::run(session, input_, shape_, &watch);
  EXPECT_EQ(last, mixed_.architecture.head());
  EXPECT_EQ(logits, test::run(session, input_, shape_)) << "watching a run changed its bits";
}

TEST_P(MixedExecutable, ComesNearTheFloats) {
  const std::vector<float> exact = test::run(Session(exact_, options(backend())), input_, shape_);
  const std::vector<float> mixed = test::run(Session(mixed_, options(backend())), input_, shape_);
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    signal += std::pow(static_cast<double>(exact[i]), 2);
    noise += std::pow(static_cast<double>(exact[i]) - static_cast<double>(mixed[i]), 2);
  }
  EXPECT_GT(10 * std::log10(signal / noise), 20.0) << "decibels of signal to noise";
  EXPECT_GT(noise, 0);
}

std::string case_name(const testing::TestParamInfo<std::tuple<std::string_view, Keep>>& info) {
  return std::string(std::get<0>(info.param)) + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Keeps, MixedExecutable,
                         testing::Combine(testing::Values("cpu", "reference"),
                                          testing::Values(Keep{"conv1", "fc"}, Keep{"layer1.0", "layer4"},
                                                          Keep{"conv1", "layer1", "layer2", "layer3",
                                                               "layer4.0"},
                                                          Keep{"layer2.1", "layer3.0", "fc"})),
                         case_name);

// What runs in integers computes the same whatever is kept around it.
TEST(MixedModel, QuantisedModulesKeepTheirBits) {
  const Model exact = make_random_model(18, kClasses, 7);
  const Model whole = test::quantized(exact, {}), mixed = test::quantized(exact, {.keep = {"fc"}});
  const Shape shape{1, 3, kSide, kSide};
  const std::vector<float> input = test::random_values(shape.numel(), 11);
  SessionOptions o = options("reference");
  o.end = exact.architecture.head();
  const std::vector<float> expected = test::run(Session(whole, o), input, shape);
  for (const std::string_view isa : available_isas(Precision::int8)) {
    o.backend = "cpu", o.isa = isa;
    EXPECT_EQ(test::run(Session(mixed, o), input, shape), expected) << isa;
    SessionOptions all = o;
    all.end = -1;
    const Session session(mixed, all);
    EXPECT_EQ(session.isa(), isa);
    EXPECT_EQ(session.options().precision, Precision::int8);
    EXPECT_EQ(test::run(session, input, shape).size(), std::size_t{kClasses});
  }
}

}  // namespace
}  // namespace resnet
