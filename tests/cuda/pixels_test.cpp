// 8-bit pixels that a GPU normalises: the kernel against the table, whole networks against the bits of
// preprocess_image() and run().
#include "core/pixel_table.hpp"
#include "cuda/memory.hpp"
#include "cuda/pointwise.hpp"
#include "cuda/stream.hpp"
#include "session/backend_table.hpp"
#include "support/gpu.hpp"
#include "support/pixel_run.hpp"
#include "support/quantized_model.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

TEST(NormalisePixels, HasTheTablesBits) {
  RESNET_REQUIRE_GPU();
  const Preprocess preprocess = test::pixel_preprocess();
  const PixelTable table = pixel_table(preprocess.mean, preprocess.std);
  const auto device_table = cuda::upload(std::span<const float>(table[0].data(), 3 * 256));
  const cuda::Stream stream;
  // One pixel, planes that are no whole groups of four, more groups than threads.
  for (const Shape& shape : {Shape{1, 3, 1, 1}, Shape{3, 3, 5, 7}, Shape{2, 3, 33, 47}, Shape{2, 3, 4, 9},
                             Shape{40, 3, 224, 224}}) {
    const std::vector<std::uint8_t> rgb = test::random_pixels(shape, 1);
    const auto images = static_cast<std::size_t>(shape[0]),
               plane = static_cast<std::size_t>(shape[2] * shape[3]);
    std::vector<float> expected(rgb.size()), ours(rgb.size());
    normalise(table, rgb.data(), images, plane, expected.data());
    const auto from = cuda::upload(std::span<const std::uint8_t>(rgb));
    const cuda::DeviceBuffer<float> to(rgb.size());
    cuda::normalise_pixels(from.data(), device_table.data(), static_cast<int>(images), plane, to.data(),
                           stream.get());
    stream.synchronize();
    cuda::copy_bytes_and_wait(ours.data(), to.data(), to.bytes());
    EXPECT_EQ(ours, expected) << shape.to_string();
  }
}

SessionOptions options_for(const Backend& backend, Precision precision, Plan plan) {
  SessionOptions options;
  options.backend = backend.name;
  options.precision = precision;
  options.plan = plan;
  options.height = options.width = 64;
  return options;
}

// Every backend of the device and precision that runs here.
template <class F>
void for_each_session(const F& f) {
  for (const Backend& backend : backend_table()) {
    if (backend.device != "cuda" || !backend.available()) continue;
    for (const Precision precision : backend.precisions) {
      Model model = precision == Precision::int8 ? test::quantized_random_model(18, 10, {})
                                                 : make_random_model(18, 10, 7);
      model.preprocess = test::pixel_preprocess();
      for (const Plan plan : {Plan::latency, Plan::throughput})
        f(Session(model, options_for(backend, precision, plan)), model);
    }
  }
}

TEST(CudaPixels, GiveTheBitsOfTheNormalisedPictures) {
  RESNET_REQUIRE_GPU();
  for_each_session([](const Session& session, const Model& model) {
    for (const Shape& shape : {Shape{1, 3, 64, 64}, Shape{3, 3, 65, 90}, Shape{33, 3, 64, 64}})
      test::expect_pixels_equal_floats(session, model, shape);
  });
}

TEST(CudaPixels, MayBeWatchedAndTimed) {
  RESNET_REQUIRE_GPU();
  for_each_session([](const Session& session, const Model& model) {
    const Shape shape{2, 3, 64, 64};
    int last = -1;
    Trace by_module, by_layer;
    by_module.on_module = [&](int module, const Shape&, const float*, double) {
      EXPECT_GT(module, last);
      last = module;
    };
    std::vector<std::string> kernels;
    by_layer.on_layer = [&](const LayerTrace& layer) { kernels.push_back(layer.kernel); };
    test::expect_pixels_equal_floats(session, model, shape, &by_module);
    test::expect_pixels_equal_floats(session, model, shape, &by_layer);
    EXPECT_EQ(last, model.architecture.head());
    ASSERT_FALSE(kernels.empty());
    if (session.backend() == "cuda") {
      EXPECT_EQ(kernels.front(), "normalise");
    }
    EXPECT_GT(session.device_ms(shape).value_or(0), 0.0);
  });
}

// Copies of one call go beside the computing of others, with either kind of input.
TEST(CudaPixels, CallsAtOnceDoNotMix) {
  RESNET_REQUIRE_GPU();
  for_each_session([](const Session& session, const Model& model) {
    const Shape shape{9, 3, 64, 64};
    const std::vector<std::uint8_t> rgb = test::random_pixels(shape, 5);
    const std::vector<float> input = test::normalised(rgb, shape, model.preprocess);
    const std::vector<float> expected = test::run(session, input, shape);
    std::vector<int> wrong(4, 0);
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      callers.emplace_back([&, i] {
        for (int k = 0; k < 10; ++k) {
          wrong[i] += (i % 2 == 0 ? test::run_pixels(session, rgb, shape)
                                  : test::run(session, input, shape)) != expected;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, std::vector<int>(wrong.size(), 0)) << session.backend();
  });
}

}  // namespace
}  // namespace resnet
