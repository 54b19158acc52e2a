// Whole networks on every backend of the device `cuda` against the reference backend, and the promises about
// bits: the batch, the place in it, the cuts and who else runs change none.
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

using test::random_values;

constexpr int kClasses = 10;
constexpr double kTolerance = 3e-5, kCosine = 1 - 1e-9;

const Model& network(int depth) {
  static std::map<int, Model> models;
  auto it = models.find(depth);
  if (it == models.end()) it = models.emplace(depth, make_random_model(depth, kClasses, 7)).first;
  return it->second;
}

std::vector<std::string> cuda_backends() {
  std::vector<std::string> names;
  for (const Backend& b : backend_table()) {
    if (b.device == "cuda") names.emplace_back(b.name);
  }
  return names;
}

SessionOptions options_for(const std::string& backend, int begin = 0, int end = -1) {
  SessionOptions o;
  o.backend = backend;
  o.precision = Precision::fp32;
  o.begin = begin;
  o.end = end;
  o.height = o.width = 64;
  return o;
}

class CudaNetwork : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    RESNET_REQUIRE_GPU();
    for (const Backend& b : backend_table()) {
      if (b.name == backend() && !b.available())
        GTEST_SKIP() << "needs a GPU for " << b.name << ": " << b.detail();
    }
  }
  const std::string& backend() const { return GetParam(); }
};

void expect_close(const std::string& name, const std::vector<float>& ours,
                  const std::vector<float>& expected) {
  ASSERT_EQ(ours.size(), expected.size()) << name;
  double largest = 0, worst = 0, product = 0, square = 0, expected_square = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto v = static_cast<double>(ours[i]), e = static_cast<double>(expected[i]);
    largest = std::fmax(largest, std::fabs(e));
    if (!(std::fabs(v - e) <= worst)) worst = std::fabs(v - e);
    product += v * e, square += v * v, expected_square += e * e;
  }
  ASSERT_GT(largest, 0) << name;
  EXPECT_LE(worst, kTolerance * largest) << name;
  EXPECT_GE(product / std::sqrt(square * expected_square), kCosine) << name;
}

TEST_P(CudaNetwork, EveryModuleEqualsTheReference) {
  for (const int depth : {18, 34, 50}) {
    const Model& model = network(depth);
    const Shape shape{2, 3, 65, 90};  // not square, and halves of it are odd
    const std::vector<float> input = random_values(shape.numel(), 5);
    std::vector<std::vector<float>> expected;
    Trace collect;
    collect.on_module = [&](int, const Shape& s, const float* v, double) {
      expected.emplace_back(v, v + s.numel());
    };
    test::run(Session(model, options_for("reference")), input, shape, &collect);

    const Session session(model, options_for(backend()));
    ASSERT_EQ(session.backend(), backend());
    ASSERT_EQ(session.options().device, "cuda:0");
    int modules = 0;
    std::vector<LayerTrace> layers;
    Trace check;
    check.on_module = [&](int m, const Shape& s, const float* v, double ms) {
      const std::string name = model.architecture.name() + " " + model.architecture.modules()[m].name;
      EXPECT_EQ(m, modules++);
      EXPECT_GE(ms, 0.0);
      expect_close(name, std::vector<float>(v, v + s.numel()), expected[m]);
    };
    check.on_layer = [&](const LayerTrace& layer) { layers.push_back(layer); };
    const std::vector<float> watched = test::run(session, input, shape, &check);
    EXPECT_EQ(modules, model.architecture.module_count());
    EXPECT_EQ(watched, test::run(session, input, shape)) << "watching a run changed its bits";
    std::int64_t macs = 0, expected_macs = 0;
    for (const LayerTrace& layer : layers) {
      EXPECT_FALSE(layer.kernel.empty());
      EXPECT_GT(layer.ms, 0.0) << layer.layer << ' ' << layer.kernel;
      macs += layer.macs;
    }
    for (int m = 0; m < modules; ++m) expected_macs += model.architecture.macs(m, 65, 90) * shape[0];
    EXPECT_EQ(macs, expected_macs);
  }
}

TEST_P(CudaNetwork, TheBatchChangesNoBit) {
  const Model& model = network(18);
  const Session session(model, options_for(backend()));
  for (const std::int64_t batch : {2, 3, 7, 33, 257}) {
    const Shape shape{batch, 3, 33, 47};
    const std::vector<float> input = random_values(shape.numel(), 6);
    const std::vector<float> all = test::run(session, input, shape);
    const std::size_t image = input.size() / static_cast<std::size_t>(batch);
    for (const std::int64_t n : {std::int64_t{0}, batch / 2, batch - 1}) {
      const auto at = static_cast<std::ptrdiff_t>(n), size = static_cast<std::ptrdiff_t>(image);
      const std::vector<float> one(input.begin() + at * size, input.begin() + (at + 1) * size);
      const std::vector<float> logits(all.begin() + at * kClasses, all.begin() + (at + 1) * kClasses);
      EXPECT_EQ(test::run(session, one, {1, 3, 33, 47}), logits) << "image " << n << " of " << batch;
    }
  }
}

TEST_P(CudaNetwork, TheDeviceTimesItself) {
  const Session session(network(18), options_for(backend()));
  const Shape shape{2, 3, 64, 64};
  const std::vector<float> input = random_values(shape.numel(), 9);
  const std::vector<float> expected = test::run(session, input, shape);
  const std::optional<double> ms = session.device_ms(shape);
  ASSERT_TRUE(ms.has_value());
  EXPECT_GT(*ms, 0.0);
  EXPECT_LT(*ms, 1000.0);
  EXPECT_EQ(test::run(session, input, shape), expected);
}

TEST_P(CudaNetwork, CutsChangeNoBit) {
  const Shape shape{2, 3, 64, 64};
  const std::vector<float> input = random_values(shape.numel(), 7);
  for (const int depth : {18, 50}) {
    const Model& model = network(depth);
    const std::vector<float> expected = test::run(Session(model, options_for(backend())), input, shape);
    for (int cut = 1; cut < model.architecture.module_count(); ++cut) {
      const Session front(model, options_for(backend(), 0, cut)), back(model, options_for(backend(), cut));
      EXPECT_EQ(test::run(back, test::run(front, input, shape), front.output_shape(shape)), expected)
          << model.architecture.name() << " cut at " << cut;
    }
  }
}

TEST_P(CudaNetwork, SessionsAndCallersDoNotDisturbEachOther) {
  const Model& model = network(18);
  const Session first(model, options_for(backend())), second(network(50), options_for(backend()));
  const std::vector<Shape> shapes{{1, 3, 64, 64}, {3, 3, 40, 56}, {2, 3, 64, 33}};
  std::vector<std::vector<float>> inputs, expected;
  for (const Shape& shape : shapes) {
    inputs.push_back(random_values(shape.numel(), inputs.size()));
    expected.push_back(test::run(first, inputs.back(), shape));
    expected.push_back(test::run(second, inputs.back(), shape));
  }
  std::vector<int> wrong(expected.size(), 0);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    callers.emplace_back([&, i] {
      const Session& session = i % 2 == 0 ? first : second;
      for (int k = 0; k < 20; ++k)
        wrong[i] += test::run(session, inputs[i / 2], shapes[i / 2]) != expected[i];
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(wrong, std::vector<int>(expected.size(), 0));
}

TEST_P(CudaNetwork, ABatchThatDoesNotFitIsAnErrorThatLeavesTheSessionUsable) {
  const Model& model = network(18);
  const Session session(model, options_for(backend()));
  const Shape shape{1, 3, 64, 64};
  const std::vector<float> input = random_values(shape.numel(), 8);
  const std::vector<float> expected = test::run(session, input, shape);
  SessionOptions huge = options_for(backend());
  huge.max_batch = 60000;
  huge.height = huge.width = 512;
  try {
    Session none(model, huge);
    FAIL() << "a workspace of hundreds of gigabytes was made";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::out_of_memory) << e.what();
  }
  EXPECT_EQ(test::run(session, input, shape), expected);
}

INSTANTIATE_TEST_SUITE_P(Backends, CudaNetwork, testing::ValuesIn(cuda_backends()),
                         [](const testing::TestParamInfo<std::string>& test) { return test.param; });

}  // namespace
}  // namespace resnet
