// Every kernel of src/cuda/stepwise/ on odd shapes against the reference operators.
#include "cpu/reference/ops.hpp"

#include "cuda/stepwise/ops.hpp"
#include "support/gpu.hpp"
#include "support/gpu_kernel.hpp"
#include "support/random_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace resnet {
namespace {

using test::expect_near;
using test::kNan;
using test::on_device;
using test::random_values;
using test::run_kernel;

// What a kernel and the oracle, which rounds a double once, may differ by: the rounding of sums of up to 4608
// products in chunks, and of a few operations.
constexpr double kSums = 2e-6, kElementwise = 4e-7;

struct ConvCase {
  int n, ic, ih, iw, oc, kernel, stride;
};

// ResNet's kernels on single pixels, ragged and prime sides, channels that fill no tile, and its longest sum.
constexpr ConvCase kConvCases[] = {
    {1, 1, 1, 1, 1, 1, 1},   {2, 3, 5, 7, 5, 3, 1},    {1, 3, 33, 41, 64, 7, 2},  {3, 17, 9, 11, 33, 3, 2},
    {1, 64, 7, 7, 65, 1, 1}, {2, 31, 13, 6, 32, 1, 2}, {1, 512, 7, 7, 70, 3, 1},  {1, 2, 1, 13, 3, 3, 1},
    {1, 1, 2, 2, 40, 3, 2},  {5, 8, 32, 32, 8, 3, 1},  {1, 2048, 2, 3, 37, 1, 1}, {2, 3, 224, 224, 64, 7, 2},
};

class ConvTest : public testing::TestWithParam<ConvCase> {
 protected:
  void SetUp() override { RESNET_REQUIRE_GPU(); }
  cuda::stepwise::Conv2dParams params() const {
    const ConvCase& c = GetParam();
    return {.n = c.n,
            .ic = c.ic,
            .ih = c.ih,
            .iw = c.iw,
            .oc = c.oc,
            .kernel = c.kernel,
            .stride = c.stride,
            .padding = c.kernel / 2};
  }
};

class Im2col : public ConvTest {};
class Gemm : public ConvTest {};

// Written out index by index, from the formula alone.
std::vector<float> columns_of(const cuda::stepwise::Conv2dParams& p, const std::vector<float>& input) {
  std::vector<float> columns;
  for (int n = 0; n < p.n; ++n)
    for (int ic = 0; ic < p.ic; ++ic)
      for (int kh = 0; kh < p.kernel; ++kh)
        for (int kw = 0; kw < p.kernel; ++kw)
          for (int oh = 0; oh < p.oh(); ++oh)
            for (int ow = 0; ow < p.ow(); ++ow) {
              const int y = oh * p.stride + kh - p.padding, x = ow * p.stride + kw - p.padding;
              const bool inside = y >= 0 && y < p.ih && x >= 0 && x < p.iw;
              columns.push_back(inside ? input[((std::size_t(n) * p.ic + ic) * p.ih + y) * p.iw + x] : 0.0f);
            }
  return columns;
}

TEST_P(Im2col, WritesWhatTheFormulaSays) {
  const auto p = params();
  const std::vector<float> input = random_values(std::int64_t{p.n} * p.ic * p.ih * p.iw, 1);
  const auto from = on_device(input);
  const std::vector<float> expected = columns_of(p, input);
  EXPECT_EQ(
      run_kernel(expected.size(),
                 [&](float* to, cudaStream_t stream) { cuda::stepwise::im2col(p, from.data(), to, stream); }),
      expected);
}

TEST_P(Gemm, OfColumnsIsTheConvolution) {
  const auto p = params();
  const std::vector<float> input = random_values(std::int64_t{p.n} * p.ic * p.ih * p.iw, 2);
  const std::vector<float> weight = random_values(std::int64_t{p.oc} * p.rows(), 3);
  std::vector<float> expected(std::size_t(p.n) * p.oc * p.pixels());
  reference::conv2d({.n = p.n,
                     .ic = p.ic,
                     .ih = p.ih,
                     .iw = p.iw,
                     .oc = p.oc,
                     .kernel = p.kernel,
                     .stride = p.stride,
                     .padding = p.padding},
                    input.data(), weight.data(), expected.data(), 2);
  const auto from = on_device(input), weights = on_device(weight);
  const cuda::DeviceBuffer<float> columns(std::size_t(p.n) * p.rows() * p.pixels());
  const auto ours = run_kernel(expected.size(), [&](float* to, cudaStream_t stream) {
    cuda::stepwise::im2col(p, from.data(), columns.data(), stream);
    cuda::stepwise::sgemm_tiled({.m = p.oc, .n = p.pixels(), .k = p.rows(), .batch = p.n}, weights.data(),
                                columns.data(), to, stream);
  });
  expect_near(ours, expected, kSums);
}

std::string name_of(const testing::TestParamInfo<ConvCase>& test) {
  const ConvCase& c = test.param;
  return fmt::format("n{}_ic{}_{}x{}_oc{}_k{}_s{}", c.n, c.ic, c.ih, c.iw, c.oc, c.kernel, c.stride);
}
INSTANTIATE_TEST_SUITE_P(Shapes, Im2col, testing::ValuesIn(kConvCases), name_of);
INSTANTIATE_TEST_SUITE_P(Shapes, Gemm, testing::ValuesIn(kConvCases), name_of);

TEST(BatchNorm, EqualsTheReference) {
  RESNET_REQUIRE_GPU();
  const int n = 3, channels = 37, plane = 11 * 13;
  const std::vector<float> input = random_values(std::int64_t{n} * channels * plane, 4);
  const std::vector<float> gamma = random_values(channels, 5), beta = random_values(channels, 6),
                           mean = random_values(channels, 7);
  std::vector<float> var = random_values(channels, 8);
  for (float& v : var) v = v * v;
  var[0] = 0;  // eps alone is under the root
  std::vector<float> expected(input.size());
  reference::batch_norm(reference::make_batch_norm(gamma, beta, mean, var, 1e-5), n, plane, input.data(),
                        expected.data(), 1);
  const auto from = on_device(input), g = on_device(gamma), b = on_device(beta), m = on_device(mean),
             v = on_device(var);
  const cuda::stepwise::BatchNorm bn{
      .gamma = g.data(), .beta = b.data(), .mean = m.data(), .var = v.data(), .eps = 1e-5f};
  const cuda::stepwise::PlaneParams p{.n = n, .channels = channels, .plane = plane};
  const auto ours = run_kernel(input.size(), [&](float* to, cudaStream_t stream) {
    cuda::stepwise::bn_inference(p, bn, from.data(), to, stream);
  });
  expect_near(ours, expected, kElementwise);
  const auto in_place = run_kernel(input.size(), [&](float* to, cudaStream_t stream) {
    cuda::copy_bytes(to, from.data(), from.bytes(), stream);
    cuda::stepwise::bn_inference(p, bn, to, to, stream);
  });
  EXPECT_EQ(in_place, ours);
}

TEST(Relu, KeepsNanAndWorksInPlace) {
  RESNET_REQUIRE_GPU();
  std::vector<float> input = random_values(1021, 9);
  input[0] = 0.0f, input[1] = -std::numeric_limits<float>::infinity(),
  input[2] = std::numeric_limits<float>::infinity();
  input[1020] = kNan;
  const auto from = on_device(input);
  const auto ours = run_kernel(input.size(), [&](float* to, cudaStream_t stream) {
    cuda::copy_bytes(to, from.data(), from.bytes(), stream);
    cuda::stepwise::relu(static_cast<std::int64_t>(input.size()), to, stream);
  });
  std::vector<float> expected(input.size());
  reference::relu(static_cast<std::int64_t>(input.size()), input.data(), expected.data(), 1);
  EXPECT_TRUE(std::isnan(ours.back()));
  EXPECT_EQ(std::vector<float>(ours.begin(), ours.end() - 1),
            std::vector<float>(expected.begin(), expected.end() - 1));
}

TEST(Add, EqualsTheReference) {
  RESNET_REQUIRE_GPU();
  for (const std::int64_t count : {1, 31, 1000003}) {
    const std::vector<float> a = random_values(count, 10), b = random_values(count, 11);
    std::vector<float> expected(a.size());
    reference::add(count, a.data(), b.data(), expected.data(), 1);
    const auto x = on_device(a), y = on_device(b);
    EXPECT_EQ(run_kernel(a.size(),
                         [&](float* to, cudaStream_t stream) {
                           cuda::stepwise::add(count, x.data(), y.data(), to, stream);
                         }),
              expected);
  }
}

TEST(MaxPool, EqualsTheReference) {
  RESNET_REQUIRE_GPU();
  struct Case {
    int planes, ih, iw;
  };
  for (const Case& c : {Case{1, 1, 1}, {3, 7, 5}, {64, 113, 111}, {1025, 2, 3}, {70000, 3, 2}}) {
    const cuda::stepwise::MaxPoolParams p{
        .planes = c.planes, .ih = c.ih, .iw = c.iw, .kernel = 3, .stride = 2, .padding = 1};
    std::vector<float> input = random_values(std::int64_t{c.planes} * c.ih * c.iw, 12);
    for (float& v : input) v -= 2;  // negative: padding taken for a zero would win
    std::vector<float> expected(std::size_t(c.planes) * p.oh() * p.ow());
    reference::max_pool({.planes = c.planes, .ih = c.ih, .iw = c.iw, .kernel = 3, .stride = 2, .padding = 1},
                        input.data(), expected.data(), 2);
    const auto from = on_device(input);
    EXPECT_EQ(run_kernel(expected.size(),
                         [&](float* to, cudaStream_t stream) {
                           cuda::stepwise::maxpool2d(p, from.data(), to, stream);
                         }),
              expected)
        << c.planes << " planes of " << c.ih << " x " << c.iw;
  }
}

TEST(MaxPool, NanAlwaysWins) {
  RESNET_REQUIRE_GPU();
  const cuda::stepwise::MaxPoolParams p{
      .planes = 1, .ih = 3, .iw = 3, .kernel = 3, .stride = 2, .padding = 1};
  for (int at = 0; at < 9; ++at) {
    std::vector<float> input(9, 1.0f);
    input[static_cast<std::size_t>(at)] = kNan;
    std::vector<float> expected(4);
    reference::max_pool({.planes = 1, .ih = 3, .iw = 3, .kernel = 3, .stride = 2, .padding = 1}, input.data(),
                        expected.data(), 1);
    const auto from = on_device(input);
    const auto ours = run_kernel(
        4, [&](float* to, cudaStream_t stream) { cuda::stepwise::maxpool2d(p, from.data(), to, stream); });
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_EQ(std::isnan(ours[i]), std::isnan(expected[i])) << at << ", " << i;
  }
}

TEST(AveragePool, EqualsTheReference) {
  RESNET_REQUIRE_GPU();
  for (const auto& [planes, plane] : {std::pair{1, 1}, {5, 49}, {2048, 49}, {13, 31}, {9, 12544}}) {
    std::vector<float> input = random_values(std::int64_t{planes} * plane, 13);
    for (float& v : input) v += 1;  // so that no mean is next to nothing
    std::vector<float> expected(static_cast<std::size_t>(planes));
    reference::global_average_pool(planes, plane, input.data(), expected.data(), 1);
    const auto from = on_device(input);
    expect_near(run_kernel(expected.size(),
                           [&, count = planes, size = plane](float* to, cudaStream_t stream) {
                             cuda::stepwise::global_avgpool(count, size, from.data(), to, stream);
                           }),
                expected, kElementwise);
  }
}

TEST(FullyConnected, EqualsTheReference) {
  RESNET_REQUIRE_GPU();
  struct Case {
    int n, inputs, outputs;
  };
  for (const Case& c : {Case{1, 1, 1}, {3, 33, 7}, {2, 512, 1000}, {5, 2048, 81}}) {
    const std::vector<float> input = random_values(std::int64_t{c.n} * c.inputs, 14),
                             weight = random_values(std::int64_t{c.outputs} * c.inputs, 15),
                             bias = random_values(c.outputs, 16);
    std::vector<float> expected(std::size_t(c.n) * c.outputs);
    reference::fully_connected({.n = c.n, .inputs = c.inputs, .outputs = c.outputs}, input.data(),
                               weight.data(), bias.data(), expected.data(), 1);
    const auto x = on_device(input), w = on_device(weight), b = on_device(bias);
    expect_near(run_kernel(expected.size(),
                           [&](float* to, cudaStream_t stream) {
                             cuda::stepwise::fully_connected(
                                 {.n = c.n, .inputs = c.inputs, .outputs = c.outputs}, x.data(), w.data(),
                                 b.data(), to, stream);
                           }),
                expected, kSums);
  }
}

TEST(Softmax, EqualsDoublePrecisionAndSurvivesLargeLogits) {
  RESNET_REQUIRE_GPU();
  for (const auto& [n, classes] : {std::pair{1, 1}, {3, 7}, {9, 1000}}) {
    std::vector<float> logits = random_values(std::int64_t{n} * classes, 17);
    for (float& v : logits) v = v * 30 + 1000;  // exp() of these overflows
    std::vector<float> expected;
    for (int row = 0; row < n; ++row) {
      const float* x = logits.data() + std::size_t(row) * classes;
      const double largest = *std::max_element(x, x + classes);
      double sum = 0;
      for (int c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(x[c]) - largest);
      for (int c = 0; c < classes; ++c)
        expected.push_back(static_cast<float>(std::exp(static_cast<double>(x[c]) - largest) / sum));
    }
    const auto from = on_device(logits);
    expect_near(run_kernel(expected.size(),
                           [&, rows = n, count = classes](float* to, cudaStream_t stream) {
                             cuda::stepwise::softmax(rows, count, from.data(), to, stream);
                           }),
                expected, kSums);
  }
}

}  // namespace
}  // namespace resnet
