// The names that profilers see: of runs, and of modules where kernels are launched one by one.
#include "cuda/ranges.hpp"

#ifdef RESNET_CUDA_NVTX
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/random_values.hpp"
#include "support/range_recorder.hpp"
#include "support/session_run.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

using Names = std::vector<std::string>;

TEST(Ranges, Nest) {
  test::RangeRecorder::shared().take();
  {
    const cuda::Range outer("a run");
    const cuda::Range inner("a module");
  }
  EXPECT_EQ(test::RangeRecorder::shared().take(), (Names{"a run", "a module", "", ""}));
}

TEST(Ranges, NameRunsAndModules) {
  RESNET_REQUIRE_GPU();
  const Model model = make_random_model(18, 10, 7);
  const Shape shape{2, 3, 64, 64};
  const std::vector<float> input = test::random_values(shape.numel(), 1);
  for (const Backend& backend : backend_table()) {
    if (backend.device != "cuda" || !backend.available()) continue;
    SessionOptions options;
    options.backend = backend.name;
    options.height = options.width = 64;
    const Session session(model, options);
    test::RangeRecorder::shared().take();
    test::run(session, input, shape);
    const Names plain = test::RangeRecorder::shared().take();
    if (backend.name == "cuda") {
      EXPECT_EQ(plain, (Names{"resnet18 fp32 x2", ""}));
    }
    Trace trace;
    trace.on_layer = [](const LayerTrace&) {};
    test::run(session, input, shape, &trace);
    Names watched = test::RangeRecorder::shared().take();
    for (const char* name : {"layer1.0", "layer4.1", "head"})
      EXPECT_EQ(std::count(watched.begin(), watched.end(), name), 1) << backend.name << ' ' << name;
    EXPECT_EQ(std::count(watched.begin(), watched.end(), "") * 2,
              static_cast<std::ptrdiff_t>(watched.size()));
  }
}

}  // namespace
}  // namespace resnet
#endif
