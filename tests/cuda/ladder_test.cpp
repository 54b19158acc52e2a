// Every kernel of bench/ladder/ on odd shapes against the reference operators.
#include "cpu/reference/ops.hpp"
#include "ladder/kernels.hpp"
#include "ladder/network.hpp"
#include "ladder/rungs.hpp"
#include "ladder/tile.hpp"
#include "support/gpu.hpp"
#include "support/gpu_kernel.hpp"
#include "support/random_values.hpp"
#include "support/session_run.hpp"

#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace resnet {
namespace {

using ladder::Conv2dParams;
using test::expect_near;
using test::on_device;
using test::random_values;
using test::run_kernel;

// Sums of up to 4608 products in one accumulator, and Winograd's, whose transforms round once more.
constexpr double kSums = 6e-6;
// Of a network's logits: the numeric contract.
constexpr double kContract = 3e-5;

struct ConvCase {
  int n, ic, ih, iw, oc, kernel, stride;

  Conv2dParams params() const {
    return {.n = n,
            .ic = ic,
            .ih = ih,
            .iw = iw,
            .oc = oc,
            .kernel = kernel,
            .stride = stride,
            .padding = kernel / 2};
  }
};

// Each tile, with edges in every direction: single pixels, prime sides, pictures with a multiple of four
// pixels and without (which are stored differently), channels that fill no group of four, ResNet's longest
// sum and its stem.
constexpr ConvCase kCases[] = {
    {1, 1, 1, 1, 9, 1, 1},       {2, 3, 5, 7, 5, 3, 1},       {1, 3, 33, 41, 64, 7, 2},
    {3, 17, 9, 11, 33, 3, 2},    {1, 64, 7, 7, 65, 1, 1},     {2, 31, 13, 6, 32, 1, 2},
    {1, 512, 7, 7, 70, 3, 1},    {1, 2, 1, 13, 3, 3, 1},      {5, 8, 32, 32, 8, 3, 1},
    {1, 2048, 2, 3, 37, 1, 1},   {2, 3, 224, 224, 64, 7, 2},  {11, 13, 45, 43, 61, 3, 1},
    {11, 13, 44, 44, 61, 3, 1},  {11, 12, 45, 43, 131, 3, 1}, {11, 20, 44, 44, 131, 3, 1},
    {11, 65, 45, 43, 131, 1, 1}, {9, 33, 89, 87, 67, 3, 2},   {5, 9, 41, 41, 256, 3, 1},
    {5, 10, 40, 42, 255, 3, 1},  {5, 70, 41, 41, 253, 1, 1},
};

std::string name_of(const testing::TestParamInfo<ConvCase>& test) {
  const ConvCase& c = test.param;
  return fmt::format("n{}_ic{}_{}x{}_oc{}_k{}_s{}", c.n, c.ic, c.ih, c.iw, c.oc, c.kernel, c.stride);
}

// A convolution with random values, and what the reference makes of it.
class LadderConv : public testing::TestWithParam<ConvCase> {
 protected:
  void SetUp() override {
    RESNET_REQUIRE_GPU();
    const ConvCase& c = GetParam();
    params = c.params();
    weight = random_values(std::int64_t{c.oc} * params.rows(), 3);
    input = on_device(random_values(std::int64_t{c.n} * c.ic * c.ih * c.iw, 2));
    expected = reference_of(params);
  }

  std::vector<float> reference_of(const Conv2dParams& p) const {
    const std::vector<float> values = random_values(std::int64_t{p.n} * p.ic * p.ih * p.iw, 2);
    std::vector<float> output(std::size_t(p.n) * p.oc * p.pixels());
    reference::conv2d({.n = p.n,
                       .ic = p.ic,
                       .ih = p.ih,
                       .iw = p.iw,
                       .oc = p.oc,
                       .kernel = p.kernel,
                       .stride = p.stride,
                       .padding = p.padding},
                      values.data(), weight.data(), output.data(), 2);
    return output;
  }

  template <class Sgemm>
  void expect_product(const Sgemm& sgemm) const {
    const auto weights = on_device(ladder::pack_transposed(weight.data(), params.oc, params.rows()));
    const cuda::DeviceBuffer<float> columns(std::size_t(params.n) * params.rows() * params.pixels());
    const auto ours = run_kernel(expected.size(), [&](float* to, cudaStream_t stream) {
      cuda::stepwise::im2col(params, input.data(), columns.data(), stream);
      sgemm(ladder::explicit_shape(params), weights.data(), columns.data(), to, stream);
    });
    expect_near(ours, expected, kSums);
  }

  // `conv(epilogue, output, stream)` with nothing after the sum, then with BatchNorm alone, with ReLU, and
  // with the shortcut, too.
  template <class Conv>
  void expect_convolution(const Conv& conv) const {
    const auto run = [&](const ladder::Epilogue& epilogue) {
      return run_kernel(expected.size(), [&](float* to, cudaStream_t stream) { conv(epilogue, to, stream); });
    };
    expect_near(run({}), expected, kSums);

    const std::vector<float> scale = random_values(params.oc, 4), shift = random_values(params.oc, 5),
                             residual = random_values(static_cast<std::int64_t>(expected.size()), 6);
    const auto on_scale = on_device(scale), on_shift = on_device(shift), on_residual = on_device(residual);
    for (const bool add : {false, true}) {
      for (const bool relu : {false, true}) {
        std::vector<float> finished(expected.size());
        for (std::size_t i = 0; i < finished.size(); ++i) {
          const std::size_t c = i / params.pixels() % params.oc;
          const double value = static_cast<double>(expected[i]) * static_cast<double>(scale[c]) +
                               static_cast<double>(shift[c]) + (add ? static_cast<double>(residual[i]) : 0.0);
          finished[i] = static_cast<float>(relu && value < 0 ? 0.0 : value);
        }
        SCOPED_TRACE(fmt::format("add {}, relu {}", add, relu));
        expect_near(run({.scale = on_scale.data(),
                         .shift = on_shift.data(),
                         .residual = add ? on_residual.data() : nullptr,
                         .relu = relu}),
                    finished, kSums);
      }
    }
  }

  Conv2dParams params{};
  std::vector<float> weight, expected;
  cuda::DeviceBuffer<float> input;
};

TEST_P(LadderConv, RegisterTiledProduct) {
  expect_product(ladder::sgemm_register_tiled);
}

TEST_P(LadderConv, DoubleBufferedProduct) {
  expect_product(ladder::sgemm_double_buffered);
}

TEST_P(LadderConv, ImplicitGemm) {
  const auto weights = on_device(ladder::pack_taps(weight.data(), params.oc, params.ic, params.kernel));
  expect_convolution([&](const ladder::Epilogue& epilogue, float* to, cudaStream_t stream) {
    ladder::implicit_gemm(params, input.data(), weights.data(), epilogue, to, stream);
  });
}

class LadderWinograd : public LadderConv {};

TEST_P(LadderWinograd, F4x4) {
  const auto weights = on_device(ladder::pack_winograd(weight.data(), params.oc, params.ic));
  const auto points = static_cast<std::size_t>(ladder::kWinogradPoints) * ladder::winograd_tiles(params);
  const cuda::DeviceBuffer<float> transformed(points * params.ic), products(points * params.oc);
  expect_convolution([&](const ladder::Epilogue& epilogue, float* to, cudaStream_t stream) {
    ladder::winograd_input(params, input.data(), transformed.data(), stream);
    ladder::sgemm_double_buffered(ladder::winograd_shape(params), weights.data(), transformed.data(),
                                  products.data(), stream);
    ladder::winograd_output(params, products.data(), epilogue, to, stream);
  });
}

std::vector<ConvCase> winograd_cases() {
  std::vector<ConvCase> cases(std::begin(kCases), std::end(kCases));
  std::erase_if(cases, [](const ConvCase& c) { return !ladder::winograd_takes(c.kernel, c.stride); });
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Shapes, LadderConv, testing::ValuesIn(kCases), name_of);
INSTANTIATE_TEST_SUITE_P(Shapes, LadderWinograd, testing::ValuesIn(winograd_cases()), name_of);

TEST(LadderTile, TheCasesReachEveryTileOfAnH200) {
  std::set<int> reached;
  for (const ConvCase& c : kCases) {
    reached.insert(ladder::choose_tile(ladder::implicit_shape(c.params()), 132).m);
  }
  EXPECT_EQ(reached, (std::set<int>{ladder::SmallTile::kM, ladder::WideTile::kM, ladder::LargeTile::kM}));
}

TEST(LadderTile, ThePlaceInTheBatchChangesNoBit) {
  RESNET_REQUIRE_GPU();
  // One picture gets a small tile, sixty-four a larger one.
  const Conv2dParams one{
      .n = 1, .ic = 20, .ih = 15, .iw = 17, .oc = 130, .kernel = 3, .stride = 1, .padding = 1};
  Conv2dParams many = one;
  many.n = 64;
  const std::vector<float> values = random_values(std::int64_t{many.n} * one.ic * one.ih * one.iw, 7);
  const std::vector<float> weight = random_values(std::int64_t{one.oc} * one.rows(), 8);
  const auto input = on_device(values),
             weights = on_device(ladder::pack_taps(weight.data(), one.oc, one.ic, 3));
  const std::size_t picture = values.size() / many.n, size = std::size_t(one.oc) * one.pixels();
  const auto run = [&](const Conv2dParams& p, const float* from) {
    return run_kernel(size * p.n, [&](float* to, cudaStream_t stream) {
      ladder::implicit_gemm(p, from, weights.data(), {}, to, stream);
    });
  };
  const std::vector<float> all = run(many, input.data());
  for (const std::size_t n : {0, 31, 63}) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(n * size);
    EXPECT_EQ(run(one, input.data() + n * picture),
              std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(size)));
  }
}

TEST(LadderNetwork, EveryRungEqualsTheReference) {
  RESNET_REQUIRE_GPU();
  constexpr int kClasses = 10;
  const Shape shape{3, 3, 65, 90};
  const std::vector<float> input = random_values(shape.numel(), 9);
  const ladder::Gpu gpu = ladder::Gpu::of_device(0);
  for (const int depth : {18, 50}) {
    const Model model = make_random_model(depth, kClasses, 7);
    SessionOptions options;
    options.device = "cpu";
    options.backend = "reference";
    options.height = 65, options.width = 90;
    const std::vector<float> expected = test::run(Session(model, options), input, shape);
    for (const ladder::Rung& rung : ladder::kRungs) {
      SCOPED_TRACE(fmt::format("{}, {}", model.architecture.name(), rung.name));
      const ladder::Weights weights(model, rung.kernels);
      std::vector<float> logits[2];
      for (const bool reuse : {false, true}) {
        const ladder::Network network(weights, shape, gpu, reuse);
        EXPECT_GT(network.predicted_ms(), 0);
        EXPECT_EQ(network.output_bytes(), expected.size() * sizeof(float));
        logits[reuse] = run_kernel(expected.size(), [&](float* to, cudaStream_t stream) {
          cuda::copy_bytes(network.input(), input.data(), network.input_bytes(), stream);
          network.launch(stream);
          cuda::copy_bytes(to, network.output(), network.output_bytes(), stream);
        });
        expect_near(logits[reuse], expected, kContract);
      }
      EXPECT_EQ(logits[0], logits[1]) << "memory that is used again";
    }
  }
}

}  // namespace
}  // namespace resnet
