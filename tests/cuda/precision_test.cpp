// The backend `cuda` with every family of kernels, in every precision and plan: each module of the three
// networks against the reference backend (int8: the bits of the backend `cpu`), and the promises about bits.
#include "cuda/devices.hpp"
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/quantized_model.hpp"
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

using test::random_values;

struct Case {
  cuda::Family family;
  Precision precision;
  Plan plan;
};

// Of a module's largest value, and the least cosine (docs: "Numeric contract"); int8 has the same bits.
struct Limits {
  double max_abs_rel, cosine;
};
Limits limits_of(Precision precision) {
  if (precision == Precision::fp32) return {3e-5, 1 - 1e-9};
  return {std::numeric_limits<double>::infinity(), 0.9995};
}

// The taggers that ship stand beside the tests or where $RESNET_MODELS says.
std::filesystem::path tagger(int depth) {
  const char* folder = std::getenv("RESNET_MODELS");
  return std::filesystem::path(folder != nullptr ? folder : RESNET_SOURCE_DIR "/models") /
         ("tagger-resnet" + std::to_string(depth) + "-int8.safetensors");
}

Model make_network(int depth, Precision precision) {
  if (precision != Precision::int8) return make_random_model(depth, 10, 7);
  return depth == 34 ? test::quantized_random_model(34, 10, {}) : load_model(tagger(depth));
}

const Model& network(int depth, Precision precision) {
  static std::map<std::pair<int, bool>, Model> models;
  const std::pair key{depth, precision == Precision::int8};
  auto it = models.find(key);
  if (it == models.end()) it = models.emplace(key, make_network(depth, precision)).first;
  return it->second;
}

SessionOptions options_for(const std::string& backend, Precision precision, Plan plan, int begin = 0,
                           int end = -1) {
  SessionOptions o;
  o.backend = backend;
  o.precision = precision;
  o.plan = plan;
  o.begin = begin;
  o.end = end;
  o.height = o.width = 64;
  return o;
}

SessionOptions options_for(const Case& c, int begin = 0, int end = -1) {
  SessionOptions o = options_for("cuda", c.precision, c.plan, begin, end);
  o.isa = to_string(c.family);
  return o;
}

// Noise of the scale of a normalised photo; some of it outside what 8-bit pixels reach.
std::vector<float> pictures(const Shape& shape, std::uint64_t seed) {
  std::vector<float> values = random_values(shape.numel(), seed);
  for (float& v : values) v *= 2.5f;
  return values;
}

std::vector<float> first_pictures(const std::vector<float>& of, std::int64_t begin, std::int64_t count,
                                  std::int64_t size) {
  return {of.begin() + begin * size, of.begin() + (begin + count) * size};
}

using Modules = std::map<int, std::vector<float>>;

Modules watch(const Session& session, const std::vector<float>& input, const Shape& shape,
              std::vector<float>* logits = nullptr) {
  Modules modules;
  Trace trace;
  trace.on_module = [&](int m, const Shape& s, const float* v, double) {
    modules[m].assign(v, v + s.numel());
  };
  std::vector<float> output = test::run(session, input, shape, &trace);
  if (logits != nullptr) *logits = std::move(output);
  return modules;
}

// What every module gives; computed once a network and shape, because the loops of the reference are slow.
const Modules& expected_modules(int depth, Precision precision, const std::vector<float>& input,
                                const Shape& shape) {
  static std::map<std::string, Modules> known;
  const bool int8 = precision == Precision::int8;
  const std::string key = std::to_string(depth) + (int8 ? " int8 " : " ") + shape.to_string();
  auto it = known.find(key);
  if (it == known.end()) {
    const Session session(network(depth, precision),
                          int8 ? options_for("cpu", Precision::int8, Plan::latency)
                               : options_for("reference", Precision::fp32, Plan::latency));
    it = known.emplace(key, watch(session, input, shape)).first;
  }
  return it->second;
}

void expect_close(const std::string& name, const std::vector<float>& ours, const std::vector<float>& expected,
                  Limits limits) {
  ASSERT_EQ(ours.size(), expected.size()) << name;
  double largest = 0, worst = 0, product = 0, square = 0, expected_square = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto v = static_cast<double>(ours[i]), e = static_cast<double>(expected[i]);
    largest = std::fmax(largest, std::fabs(e));
    if (!(std::fabs(v - e) <= worst)) worst = std::fabs(v - e);
    product += v * e, square += v * v, expected_square += e * e;
  }
  ASSERT_GT(largest, 0) << name;
  EXPECT_LE(worst, limits.max_abs_rel * largest) << name;
  EXPECT_GE(product / std::sqrt(square * expected_square), limits.cosine) << name;
}

class CudaPrecision : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    RESNET_REQUIRE_GPU();
    const auto& families = cuda::devices().devices.front().families;
    if (std::find(families.begin(), families.end(), GetParam().family) == families.end())
      GTEST_SKIP() << "needs a GPU for the kernels " << to_string(GetParam().family);
  }
  Precision precision() const { return GetParam().precision; }
  bool int8() const { return precision() == Precision::int8; }
  const Model& model(int depth) const { return network(depth, precision()); }
  // What is the same for every family is tested on all networks with one of them.
  std::vector<int> depths(std::vector<int> all, std::vector<int> others) const {
    return GetParam().family == cuda::Family::sm90 ? all : others;
  }
  Session session(int depth, int begin = 0, int end = -1) const {
    return Session(model(depth), options_for(GetParam(), begin, end));
  }
};

TEST_P(CudaPrecision, EveryModuleIsTheReferences) {
  for (const int depth : depths({18, 34, 50}, {18, 50})) {
    const Session session = this->session(depth);
    ASSERT_EQ(session.backend(), "cuda");
    ASSERT_EQ(session.isa(), to_string(GetParam().family));
    for (const Shape& shape :
         {Shape{2, 3, 97, 107}, Shape{1, 3, 33, 32}, Shape{1, 3, 224, 224}, Shape{1, 3, 288, 288}}) {
      const std::vector<float> input = pictures(shape, 5);
      const Modules& expected = expected_modules(depth, precision(), input, shape);
      std::vector<float> watched;
      const Modules ours = watch(session, input, shape, &watched);
      for (const auto& [module, values] : expected) {
        const std::string name = model(depth).architecture.name() + " " +
                                 model(depth).architecture.modules()[static_cast<std::size_t>(module)].name +
                                 " of " + shape.to_string();
        ASSERT_TRUE(ours.contains(module)) << name;
        if (int8()) {
          EXPECT_TRUE(ours.at(module) == values) << name << " has other bits than the CPU's";
        } else {
          expect_close(name, ours.at(module), values, limits_of(precision()));
        }
      }
      EXPECT_TRUE(watched == test::run(session, input, shape)) << "watching a run changed its bits";
    }
  }
}

TEST_P(CudaPrecision, BatchAndPositionChangeNoBit) {
  for (const int depth : depths({18, 50}, {50})) {
    const Session session = this->session(depth);
    const std::int64_t classes = model(depth).architecture.classes(), size = Shape{3, 47, 64}.numel();
    const std::vector<float> input = pictures({257, 3, 47, 64}, 6);
    const std::vector<float> all = test::run(session, input, {257, 3, 47, 64});
    for (std::int64_t n = 1; n <= 9; ++n) {
      const std::int64_t begin = n * 20;
      EXPECT_TRUE(test::run(session, first_pictures(input, begin, n, size), {n, 3, 47, 64}) ==
                  first_pictures(all, begin, n, classes))
          << model(depth).architecture.name() << ": pictures " << begin << " to " << begin + n - 1;
    }
    EXPECT_TRUE(test::run(session, first_pictures(input, 256, 1, size), {1, 3, 47, 64}) ==
                first_pictures(all, 256, 1, classes));
  }
}

TEST_P(CudaPrecision, CutsChangeNoBit) {
  const Shape shape{2, 3, 64, 49};
  const std::vector<float> input = pictures(shape, 7);
  for (const int depth : depths({18, 50}, {18})) {
    const std::vector<float> expected = test::run(session(depth), input, shape);
    for (int cut = int8() ? 4 : 1; cut < model(depth).architecture.module_count(); ++cut) {
      const Session front = session(depth, 0, cut), back = session(depth, cut);
      EXPECT_TRUE(test::run(back, test::run(front, input, shape), front.output_shape(shape)) == expected)
          << model(depth).architecture.name() << " cut at " << cut;
    }
  }
}

// Odd and even rows, narrower than what the kernel computes, and wider than it takes. Batches so large that a
// block has several rows (60 pictures: 8, the last block of each 7; 132: 20) go round all of its rings.
TEST_P(CudaPrecision, TheStemInOneKernelChangesNoBit) {
  constexpr int kStem = 4;  // conv1, bn1, relu, maxpool
  constexpr std::int64_t kWidest = 320;
  const bool has_it = GetParam().family == cuda::Family::sm90 && precision() != Precision::fp32;
  const Session stem = session(18, 0, kStem);
  std::optional<Session> on_cpu;
  if (int8()) on_cpu.emplace(model(18), options_for("cpu", Precision::int8, Plan::latency, 0, kStem));
  for (const Shape& shape :
       {Shape{3, 3, 32, 33}, Shape{1, 3, 33, 50}, Shape{60, 3, 57, 223}, Shape{1, 3, 34, 226},
        Shape{2, 3, 35, 257}, Shape{60, 3, 57, 318}, Shape{132, 3, 80, 320}, Shape{1, 3, 37, 323}}) {
    const std::vector<float> input = pictures(shape, 10);
    std::vector<float> expected;
    if (int8()) {
      expected = test::run(*on_cpu, input, shape);
    } else {
      watch(stem, input, shape, &expected);  // module after module
    }
    int fused = 0;
    Trace trace;
    trace.on_layer = [&](const LayerTrace& layer) { fused += layer.kernel == "wgmma_stem_pool" ? 1 : 0; };
    EXPECT_TRUE(test::run(stem, input, shape, &trace) == expected) << shape.to_string();
    EXPECT_EQ(fused, has_it && shape[3] <= kWidest ? 1 : 0) << shape.to_string();
    EXPECT_TRUE(test::run(stem, input, shape) == expected) << shape.to_string();
  }
}

TEST_P(CudaPrecision, TimingByTheDeviceChangesNoBit) {
  const Session session = this->session(18);
  const Shape shape{3, 3, 64, 64};
  const std::vector<float> input = pictures(shape, 8);
  const std::vector<float> expected = test::run(session, input, shape);
  for (int i = 0; i < 5; ++i) {
    const std::optional<double> ms = session.device_ms(shape);
    ASSERT_TRUE(ms.has_value());
    EXPECT_GT(*ms, 0);
    EXPECT_LT(*ms, 1000);
  }
  EXPECT_TRUE(test::run(session, input, shape) == expected);
}

std::vector<Case> all_cases(std::span<const cuda::Family> families) {
  std::vector<Case> cases;
  for (const cuda::Family family : families) {
    for (const Precision precision : {Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8}) {
      for (const Plan plan : {Plan::latency, Plan::throughput}) cases.push_back({family, precision, plan});
    }
  }
  return cases;
}

constexpr std::array kFamilies{cuda::Family::sm90, cuda::Family::mma, cuda::Family::simt};

INSTANTIATE_TEST_SUITE_P(All, CudaPrecision, testing::ValuesIn(all_cases(kFamilies)),
                         [](const testing::TestParamInfo<Case>& of) {
                           return std::string(to_string(of.param.family)) + "_" +
                                  std::string(to_string(of.param.precision)) + "_" +
                                  std::string(to_string(of.param.plan));
                         });

// Sessions of every family, precision and plan at once, each called from a thread of its own.
class CudaSessions : public CudaPrecision {};

TEST_P(CudaSessions, DoNotDisturbEachOther) {
  const Shape shape{3, 3, 64, 80};
  const std::vector<float> input = pictures(shape, 9);
  std::vector<Session> sessions;
  std::vector<std::vector<float>> expected;
  for (const Case& c : all_cases(cuda::devices().devices.front().families)) {
    sessions.emplace_back(network(18, c.precision), options_for(c));
    expected.push_back(test::run(sessions.back(), input, shape));
  }
  std::vector<int> wrong(sessions.size(), 0);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    callers.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) wrong[i] += test::run(sessions[i], input, shape) != expected[i] ? 1 : 0;
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(wrong, std::vector<int>(sessions.size(), 0));
}

TEST_P(CudaSessions, ADeviceThatIsNotThereIsNamed) {
  SessionOptions options = options_for("cuda", Precision::fp16, Plan::latency);
  options.device = "cuda:97";
  try {
    const Session session(network(18, Precision::fp16), options);
    FAIL() << "device 97 was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    EXPECT_NE(std::string(e.what()).find("97"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("cuda:0"), std::string::npos)
        << "does not say which there are: " << e.what();
  }
}

TEST_P(CudaSessions, ABatchThatDoesNotFitLeavesTheSessionUsable) {
  const Session session(network(50, Precision::fp16), options_for("cuda", Precision::fp16, Plan::throughput));
  const Shape shape{2, 3, 64, 64};
  const std::vector<float> input = pictures(shape, 10);
  const std::vector<float> expected = test::run(session, input, shape);
  SessionOptions huge = options_for("cuda", Precision::fp16, Plan::throughput);
  huge.max_batch = 4096;
  huge.height = huge.width = 2048;
  try {
    const Session none(network(50, Precision::fp16), huge);
    FAIL() << "a workspace of terabytes was made";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::out_of_memory) << e.what();
    EXPECT_NE(std::string(e.what()).find("--batch"), std::string::npos)
        << "does not say what to change: " << e.what();
  }
  EXPECT_TRUE(test::run(session, input, shape) == expected);
}

INSTANTIATE_TEST_SUITE_P(One, CudaSessions,
                         testing::Values(Case{cuda::Family::simt, Precision::fp16, Plan::latency}),
                         [](const testing::TestParamInfo<Case>&) { return std::string("once"); });

}  // namespace
}  // namespace resnet
