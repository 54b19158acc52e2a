// What a Session accepts, refuses and resolves.
#include "support/session_run.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

const Model& model() {
  static const Model m = make_random_model(18, 7, 1);
  return m;
}

SessionOptions small() {
  SessionOptions o;
  o.backend = "reference";
  o.height = o.width = 32;
  o.threads = 1;
  return o;
}

// Expects an Error with this code whose message contains every one of `parts`.
template <class F>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, const F& f) {
  try {
    f();
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    for (const std::string& part : parts)
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(SessionOptions, DefaultsAreResolved) {
  SessionOptions asked;
  asked.threads = 1;
  const Session session(model(), asked);
  const SessionOptions& o = session.options();
  EXPECT_EQ(o.device, "cpu");
  EXPECT_EQ(o.backend, session.backend());
  EXPECT_EQ(o.begin, 0);
  EXPECT_EQ(o.end, 13);
  EXPECT_EQ(o.height, 224);
  EXPECT_EQ(o.width, 224);
  EXPECT_EQ(session.threads(), 1);
  EXPECT_EQ(session.architecture().name(), "resnet18");
  EXPECT_EQ(session.output_shape({2, 3, 224, 224}), (Shape{2, 7}));
}

TEST(SessionOptions, TheModelsOwnSizeIsTheDefault) {
  Model m = model();
  m.preprocess.center_crop = Size{64, 96};
  SessionOptions o = small();
  o.height = o.width = 0;
  const Session crop(m, o);
  EXPECT_EQ(crop.options().height, 64);
  EXPECT_EQ(crop.options().width, 96);
  m.preprocess.center_crop.reset();
  m.preprocess.resize = {80, 72};
  m.preprocess.resize_mode = ResizeMode::exact;
  EXPECT_EQ(Session(m, o).options().width, 72);
  m.preprocess.resize_mode = ResizeMode::short_side;
  EXPECT_EQ(Session(m, o).options().width, 80);
}

TEST(SessionOptions, WrongOnesAreNamed) {
  const auto with = [](auto change) {
    return [change] {
      SessionOptions o = small();
      change(o);
      Session session(model(), o);
    };
  };
  expect_error(ErrorCode::invalid_argument, {"5:5", "0:13"}, with([](auto& o) { o.begin = o.end = 5; }));
  expect_error(ErrorCode::invalid_argument, {"0:14"}, with([](auto& o) { o.end = 14; }));
  expect_error(ErrorCode::invalid_argument, {"-1:13"}, with([](auto& o) { o.begin = -1; }));
  expect_error(ErrorCode::invalid_argument, {"max_batch 0"}, with([](auto& o) { o.max_batch = 0; }));
  expect_error(ErrorCode::invalid_argument, {"32x0", "both"}, with([](auto& o) { o.width = 0; }));
  expect_error(ErrorCode::invalid_argument, {"31", "32"}, with([](auto& o) { o.width = 31; }));
  expect_error(ErrorCode::invalid_argument, {"threads"}, with([](auto& o) { o.threads = -2; }));
  expect_error(ErrorCode::invalid_argument, {"tpu-backend", "reference"},
               with([](auto& o) { o.backend = "tpu-backend"; }));
  expect_error(ErrorCode::device_unavailable, {"abacus", "auto, cpu, cuda"}, with([](auto& o) {
                 o.backend.clear();
                 o.device = "abacus";
               }));
  expect_error(ErrorCode::unsupported, {"reference", "bf16", "fp32"},
               with([](auto& o) { o.precision = Precision::bf16; }));
  expect_error(ErrorCode::unsupported, {"int8", "resnet quantize"},
               with([](auto& o) { o.precision = Precision::int8; }));
  expect_error(ErrorCode::invalid_argument, {"reference", "avx2"}, with([](auto& o) { o.isa = "avx2"; }));
}

TEST(SessionOptions, NamesAreParsedAndPrinted) {
  for (const char* name : {"fp32", "tf32", "bf16", "fp16", "int8"})
    EXPECT_EQ(to_string(parse_precision(name)), name);
  for (const char* name : {"latency", "throughput"}) EXPECT_EQ(to_string(parse_plan(name)), name);
  expect_error(ErrorCode::invalid_argument, {"fp64", "fp32, tf32"}, [] { parse_precision("fp64"); });
  expect_error(ErrorCode::invalid_argument, {"fast", "latency, throughput"}, [] { parse_plan("fast"); });
}

TEST(SessionRun, WrongShapesAndSizesAreNamed) {
  const Session session(model(), small());
  std::vector<float> input(3 * 32 * 32), output(7);
  const auto run = [&](const Shape& shape) { return [&, shape] { session.run(input, shape, output); }; };
  expect_error(ErrorCode::shape_mismatch, {"[N, 3, H, W]", "[1, 4, 32, 32]"}, run({1, 4, 32, 32}));
  expect_error(ErrorCode::shape_mismatch, {"[3, 32, 32]"}, run({3, 32, 32}));
  expect_error(ErrorCode::shape_mismatch, {"[0, 3, 32, 32]"}, run({0, 3, 32, 32}));
  expect_error(ErrorCode::invalid_argument, {"32"}, run({1, 3, 16, 64}));
  expect_error(ErrorCode::shape_mismatch, {"[1, 3, 32, 33]", "3168", "3072"}, run({1, 3, 32, 33}));
  output.resize(8);
  expect_error(ErrorCode::shape_mismatch, {"[1, 7]", "7 values", "room for 8"}, run({1, 3, 32, 32}));
  output.resize(7);
  session.run(input, {1, 3, 32, 32}, output);
}

TEST(SessionRun, ARangeTakesItsModulesInput) {
  SessionOptions o = small();
  o.begin = 4;
  const Session session(model(), o);
  EXPECT_EQ(session.output_shape({2, 64, 5, 3}), (Shape{2, 7}));  // smaller than any network input gives
  const std::vector<float> input(2 * 64 * 5 * 3, 0.5f);
  EXPECT_EQ(test::run(session, input, {2, 64, 5, 3}).size(), 14u);
  std::vector<float> output(7);
  expect_error(ErrorCode::shape_mismatch, {"layer1.0", "[N, 64, H, W]"}, [&] {
    session.run(input, {1, 3, 32, 32}, output);
  });
}

TEST(SessionRun, ManyShapesOneAfterTheOther) {
  const Session session(model(), small());
  for (std::int64_t w = 32; w < 46; ++w) {
    const Shape shape{1, 3, 32, w};
    test::run(session, std::vector<float>(static_cast<std::size_t>(shape.numel()), 1.0f), shape);
  }
}

}  // namespace
}  // namespace resnet
