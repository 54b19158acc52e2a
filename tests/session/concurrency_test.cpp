// One Session used from several threads, and several Sessions at once.
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

using test::random_values;

TEST(Concurrency, RunsOfOneSessionDoNotMix) {
  const Model model = make_random_model(18, 7, 1);
  for (const BackendInfo& backend : backends()) {
    if (!backend.available) continue;
    SessionOptions options;
    options.backend = backend.name;
    options.height = options.width = 32;
    for (const int threads : {1, 2}) {
      options.threads = threads;
      const Session session(model, options);
      // Shapes differ, so that workspaces of several shapes are lent out at once.
      const std::vector<Shape> shapes{{1, 3, 32, 32}, {2, 3, 33, 40}, {1, 3, 41, 32}, {1, 3, 32, 32}};
      std::vector<std::vector<float>> inputs, expected;
      for (const Shape& shape : shapes) {
        inputs.push_back(random_values(shape.numel(), inputs.size()));
        expected.push_back(test::run(session, inputs.back(), shape));
      }
      std::vector<int> wrong(shapes.size(), 0);
      std::vector<std::thread> callers;
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        callers.emplace_back([&, i] {
          for (int k = 0; k < 2; ++k) wrong[i] += test::run(session, inputs[i], shapes[i]) != expected[i];
        });
      }
      for (std::thread& t : callers) t.join();
      EXPECT_EQ(wrong, std::vector<int>(shapes.size(), 0)) << backend.name << ", " << threads << " threads";
    }
  }
}

TEST(Concurrency, AnErrorInATraceLeavesTheSessionUsable) {
  const Model model = make_random_model(18, 7, 1);
  SessionOptions options;
  options.height = options.width = 32;
  options.threads = 2;
  const Session session(model, options);
  const Shape shape{1, 3, 32, 32};
  const std::vector<float> input = random_values(shape.numel(), 9);
  const std::vector<float> expected = test::run(session, input, shape);
  Trace trace;
  trace.on_module = [](int module, const Shape&, const float*, double) {
    if (module == 5) throw Error(ErrorCode::cancelled, "stop");
  };
  EXPECT_THROW(test::run(session, input, shape, &trace), Error);
  EXPECT_EQ(test::run(session, input, shape), expected);
}

}  // namespace
}  // namespace resnet
