// SessionOptions::gpu_memory on a GPU: what is refused, what is said, and that memory comes back.
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/pixel_run.hpp"
#include "support/random_values.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

constexpr std::uint64_t kMebi = 1 << 20;

SessionOptions options_for(const Backend& backend, std::uint64_t cap) {
  SessionOptions options;
  options.backend = backend.name;
  options.height = options.width = 64;
  options.gpu_memory = cap;
  return options;
}

template <class F>
void expect_refusal(const std::string& part, const F& f) {
  try {
    f();
    ADD_FAILURE() << "was given: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::out_of_memory);
    for (const std::string& text : {part, std::string("--gpu-memory")})
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

TEST(MemoryCap, HoldsForWeightsAndRuns) {
  RESNET_REQUIRE_GPU();
  const Model model = make_random_model(18, 10, 7);  // 45 MB of weights in fp32
  const Shape one{1, 3, 64, 64}, another{2, 3, 64, 64}, many{64, 3, 224, 224};
  const std::vector<float> input = test::random_values(many.numel(), 1);
  const auto run = [&](const Session& session, const Shape& shape) {
    return test::run(session, {input.begin(), input.begin() + shape.numel()}, shape);
  };
  for (const Backend& backend : backend_table()) {
    if (backend.device != "cuda" || !backend.available()) continue;
    expect_refusal("the weights of resnet18", [&] { Session(model, options_for(backend, 20 * kMebi)); });
    const Session session(model, options_for(backend, 100 * kMebi)), free(model, options_for(backend, 0));
    const std::vector<float> expected = run(free, one);
    EXPECT_EQ(run(session, one), expected);
    expect_refusal("a run on [64,", [&] { run(session, many); });
    EXPECT_EQ(run(session, one), expected) << "the refusal left something behind";
    EXPECT_EQ(run(session, another), run(free, another));
    EXPECT_EQ(test::run_pixels(session, test::random_pixels(one, 2), one),
              test::run_pixels(free, test::random_pixels(one, 2), one));
  }
}

// Pictures of many sizes: what earlier ones took is given back where the cap is reached.
TEST(MemoryCap, FreeMemoryOfOtherShapesIsGivenBackFirst) {
  RESNET_REQUIRE_GPU();
  const Model model = make_random_model(18, 10, 7);
  for (const Backend& backend : backend_table()) {
    if (backend.device != "cuda" || !backend.available()) continue;
    const Session session(model, options_for(backend, 130 * kMebi)), free(model, options_for(backend, 0));
    for (std::int64_t side = 96; side < 160; side += 8) {
      const Shape shape{8, 3, side, side};
      const std::vector<float> input = test::random_values(shape.numel(), 2);
      EXPECT_EQ(test::run(session, input, shape), test::run(free, input, shape)) << side;
    }
  }
}

}  // namespace
}  // namespace resnet
