// Cuts, batches, threads and traces change no bit.
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/session.hpp>

namespace resnet {
namespace {

using test::random_values;
using test::run;

constexpr int kHeight = 37, kWidth = 45;

SessionOptions options_for(const std::string& backend) {
  SessionOptions o;
  o.backend = backend;
  o.threads = 2;
  o.height = kHeight;
  o.width = kWidth;
  return o;
}

// Every backend that runs here, with every depth.
struct Case {
  std::string backend;
  int depth;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const BackendInfo& b : backends()) {
    for (const int depth : {18, 34, 50}) {
      if (b.available) all.push_back({std::string(b.name), depth});
    }
  }
  return all;
}

class Ranges : public testing::TestWithParam<Case> {
 protected:
  Ranges() : model_(make_random_model(GetParam().depth, 11, 3)) {}
  Session session(int begin = 0, int end = -1) const {
    SessionOptions o = options_for(GetParam().backend);
    o.begin = begin;
    o.end = end;
    return Session(model_, o);
  }
  Model model_;
};

TEST_P(Ranges, EveryCutGivesTheWholeNetworksBits) {
  const Shape shape{1, 3, kHeight, kWidth};
  const std::vector<float> input = random_values(shape.numel(), 1);
  const Session whole = session();
  const std::vector<float> expected = run(whole, input, shape);
  for (int k = 1; k < model_.architecture.module_count(); ++k) {
    const Session first = session(0, k), second = session(k, -1);
    const Shape middle = first.output_shape(shape);
    EXPECT_EQ(run(second, run(first, input, shape), middle), expected) << "cut before module " << k;
  }
}

TEST_P(Ranges, ABatchIsItsSingleImages) {
  const Session s = session();
  const Shape one{1, 3, kHeight, kWidth}, batch{3, 3, kHeight, kWidth};
  const std::vector<float> input = random_values(batch.numel(), 2);
  std::vector<float> singles;
  for (std::int64_t n = 0; n < 3; ++n) {
    const std::vector<float> image(input.begin() + n * one.numel(), input.begin() + (n + 1) * one.numel());
    const std::vector<float> logits = run(s, image, one);
    singles.insert(singles.end(), logits.begin(), logits.end());
  }
  EXPECT_EQ(run(s, input, batch), singles);
}

TEST_P(Ranges, ThreadsChangeNoBit) {
  const Shape shape{2, 3, kHeight, kWidth};
  const std::vector<float> input = random_values(shape.numel(), 3);
  SessionOptions o = options_for(GetParam().backend);
  o.threads = 1;
  const std::vector<float> expected = run(Session(model_, o), input, shape);
  o.threads = 5;
  EXPECT_EQ(run(Session(model_, o), input, shape), expected);
}

TEST_P(Ranges, TheTraceSeesEveryModuleOnceAndChangesNothing) {
  const Session s = session();
  const Shape shape{1, 3, kHeight, kWidth};
  const std::vector<float> input = random_values(shape.numel(), 4);
  const std::vector<float> expected = run(s, input, shape);
  std::vector<int> modules;
  std::vector<float> last;
  Trace trace;
  trace.on_module = [&](int module, const Shape& out, const float* values, double ms) {
    modules.push_back(module);
    EXPECT_EQ(out, model_.architecture.output_shape(module, 1, kHeight, kWidth));
    EXPECT_GE(ms, 0);
    last.assign(values, values + out.numel());
  };
  std::int64_t macs = 0;
  trace.on_layer = [&](const LayerTrace& layer) {
    EXPECT_FALSE(layer.layer.empty());
    EXPECT_FALSE(layer.kernel.empty());
    macs += layer.macs;
  };
  EXPECT_EQ(run(s, input, shape, &trace), expected);
  EXPECT_EQ(last, expected);
  ASSERT_EQ(modules.size(), model_.architecture.modules().size());
  for (std::size_t i = 0; i < modules.size(); ++i) EXPECT_EQ(modules[i], static_cast<int>(i));
  std::int64_t expected_macs = 0;
  for (int m = 0; m < model_.architecture.module_count(); ++m) {
    expected_macs += model_.architecture.macs(m, kHeight, kWidth);
  }
  EXPECT_EQ(macs, expected_macs);
}

INSTANTIATE_TEST_SUITE_P(Backends, Ranges, testing::ValuesIn(cases()), [](const auto& c) {
  return c.param.backend + "_resnet" + std::to_string(c.param.depth);
});

}  // namespace
}  // namespace resnet
