// One Session on two GPUs: the bits of one, whoever runs where.
#include "cuda/devices.hpp"
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/pixel_run.hpp"
#include "support/random_values.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/session.hpp>

namespace resnet {
namespace {

// Two that may work together; empty where there are none.
std::string two_gpus() {
  std::vector<cuda::Device> usable;
  for (const cuda::Device& d : cuda::devices().devices) {
    if (d.problem.empty()) usable.push_back(d);
  }
  for (std::size_t i = 1; i < usable.size(); ++i) {
    if (usable[i].major == usable[0].major && usable[i].minor == usable[0].minor)
      return "cuda:" + std::to_string(usable[i].index) + ",cuda:" + std::to_string(usable[0].index);
  }
  return {};
}

TEST(SeveralGpus, ShareCallsAndGiveTheBitsOfOne) {
  const std::string both = two_gpus();
  if (both.empty()) GTEST_SKIP() << "needs two GPUs of one architecture";
  const Model model = make_random_model(18, 10, 7);
  const Shape shape{9, 3, 64, 64};
  const std::vector<std::uint8_t> rgb = test::random_pixels(shape, 5);
  const std::vector<float> input = test::normalised(rgb, shape, model.preprocess);
  for (const Backend& backend : backend_table()) {
    if (backend.device != "cuda" || !backend.available()) continue;
    SessionOptions options;
    options.backend = backend.name;
    options.device = "cuda:0";
    options.height = options.width = 64;
    const std::vector<float> expected = test::run(Session(model, options), input, shape);
    options.device = both;
    const Session session(model, options);
    EXPECT_EQ(session.options().device, both);
    std::vector<int> wrong(6, 0);
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      callers.emplace_back([&, i] {
        for (int k = 0; k < 20; ++k) {
          wrong[i] += (i % 2 == 0 ? test::run_pixels(session, rgb, shape)
                                  : test::run(session, input, shape)) != expected;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, std::vector<int>(wrong.size(), 0)) << backend.name;
    EXPECT_GT(session.device_ms(shape).value_or(0), 0.0);
  }
}

TEST(SeveralGpus, OneThatIsNotThereIsNamed) {
  RESNET_REQUIRE_GPU();
  SessionOptions options;
  options.backend = "cuda_stepwise";
  options.device = "cuda:0,cuda:99";
  try {
    const Session session(make_random_model(18, 10, 7), options);
    FAIL() << "cuda:99 was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::device_unavailable);
    EXPECT_NE(std::string(e.what()).find("cuda:99"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace resnet
