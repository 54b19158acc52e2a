// 8-bit pixels as input: the bits of preprocess_image() and run(), on every backend.
#include "support/pixel_run.hpp"
#include "support/quantized_model.hpp"

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

Model model_of(bool int8) {
  Model model = int8 ? test::quantized_random_model(18, 5, {}) : make_random_model(18, 5, 1);
  model.preprocess = test::pixel_preprocess();
  return model;
}

SessionOptions small_options(std::string_view backend) {
  SessionOptions options;
  options.backend = backend;
  options.threads = 2;
  options.height = options.width = 32;
  return options;
}

TEST(Pixels, GiveTheBitsOfTheNormalisedPictures) {
  for (const Model& model : {model_of(false), model_of(true)}) {
    for (const BackendInfo& backend : backends()) {
      if (!backend.available || backend.device != "cpu") continue;
      const Session session(model, small_options(backend.name));
      for (const Shape& shape : {Shape{1, 3, 32, 32}, Shape{3, 3, 33, 47}})
        test::expect_pixels_equal_floats(session, model, shape);
    }
  }
}

TEST(Pixels, MayBeWatched) {
  const Model model = model_of(false);
  const Session session(model, small_options("cpu"));
  int modules = 0;
  Trace trace;
  trace.on_module = [&](int module, const Shape&, const float*, double) { EXPECT_EQ(module, modules++); };
  test::expect_pixels_equal_floats(session, model, {2, 3, 32, 32}, &trace);
  EXPECT_EQ(modules, model.architecture.module_count());
}

TEST(Pixels, PassThroughAModelOfTwoPrecisions) {
  Model mixed = test::quantized_random_model(18, 5, {.keep = {"conv1", "layer2.0", "fc"}});
  mixed.preprocess = test::pixel_preprocess();
  test::expect_pixels_equal_floats(Session(mixed, small_options("cpu")), mixed, {2, 3, 40, 33});
}

TEST(Pixels, AreRefusedWhereTheyDoNotFit) {
  const Model model = model_of(false);
  const std::vector<std::uint8_t> rgb(3 * 32 * 32);
  std::vector<float> output(5);
  const auto refusal = [&](const SessionOptions& options, const Shape& shape, std::size_t room) {
    try {
      Session(model, options).run_pixels(rgb, shape, std::span(output).first(room));
    } catch (const Error& e) {
      return e;
    }
    return Error(ErrorCode::internal, "taken");
  };
  const SessionOptions whole = small_options("cpu");
  EXPECT_EQ(refusal(whole, {1, 3, 32, 33}, 5).code(), ErrorCode::shape_mismatch);
  EXPECT_EQ(refusal(whole, {1, 3, 32, 32}, 4).code(), ErrorCode::shape_mismatch);
  EXPECT_EQ(refusal(whole, {1, 3, 32, 32}, 5).code(), ErrorCode::internal) << "right sizes were refused";
  SessionOptions part = whole;
  part.begin = 4;
  const Error e = refusal(part, {1, 3, 32, 32}, 5);
  EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
  EXPECT_NE(std::string(e.what()).find("module 4"), std::string::npos) << e.what();
}

}  // namespace
}  // namespace resnet
