// LSQ against its formulas written out one value at a time, and against autograd's derivative of the
// straight-through form.

#include "train/quant/lsq.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace resnet::train {
namespace {

struct Result {
  torch::Tensor values, of_values, of_step;
};

// Equations 1 to 3 of the paper in double, value by value, with the gradient of the step divided by the step.
// `step` has one element a row of `values`, or one.
Result by_hand(const torch::Tensor& values, const torch::Tensor& step, Levels levels, std::int64_t sharing,
               const torch::Tensor& gradient) {
  const torch::Tensor v = values.to(torch::kDouble).contiguous().view({values.size(0), -1}),
                      g = gradient.to(torch::kDouble).contiguous().view({values.size(0), -1}),
                      s = step.to(torch::kDouble);
  Result result{torch::zeros_like(v), torch::zeros_like(v), torch::zeros_like(s)};
  const double scale = 1 / std::sqrt(static_cast<double>(sharing * levels.high));
  for (std::int64_t row = 0; row < v.size(0); ++row) {
    const std::int64_t at = s.numel() == 1 ? 0 : row;
    const double size = s[at].item<double>();
    for (std::int64_t i = 0; i < v.size(1); ++i) {
      const double x = v[row][i].item<double>() / size, up = g[row][i].item<double>();
      double q = std::nearbyint(x), slope = q - x, through = 1;
      if (x <= levels.low) q = slope = levels.low, through = 0;
      if (x >= levels.high) q = slope = levels.high, through = 0;
      result.values[row][i] = q * size;
      result.of_values[row][i] = up * through;
      result.of_step[at] += up * slope * scale / size;
    }
  }
  result.values = result.values.view(values.sizes());
  result.of_values = result.of_values.view(values.sizes());
  return result;
}

Result ours(const torch::Tensor& values, const torch::Tensor& step, Levels levels, std::int64_t sharing,
            const torch::Tensor& gradient) {
  const torch::Tensor v = values.detach().clone().requires_grad_(), s = step.detach().log().requires_grad_();
  const torch::Tensor y = fake_quantize(v, s, levels, sharing);
  y.backward(gradient);
  return {y.detach(), v.grad(), s.grad()};
}

void expect_close(const torch::Tensor& a, const torch::Tensor& b, double tolerance) {
  ASSERT_EQ(a.sizes(), b.sizes());
  const torch::Tensor wide = b.to(torch::kDouble);
  const double most = wide.abs().max().item<double>();
  EXPECT_LE((a.to(torch::kDouble) - wide).abs().max().item<double>(), tolerance * most);
}

struct Case {
  int bits;
  bool is_signed, per_channel;
};

class LsqTest : public testing::TestWithParam<Case> {};

TEST_P(LsqTest, ValuesAndGradientsAreThoseOfThePaper) {
  torch::manual_seed(1);
  const auto [bits, is_signed, per_channel] = GetParam();
  const Levels levels = is_signed ? signed_levels(bits) : unsigned_levels(bits);
  const auto options = torch::dtype(torch::kDouble);
  const torch::Tensor values = torch::randn({5, 3, 7, 3}, options), gradient = torch::randn_like(values);
  // About a fifth of the values lie outside.
  torch::Tensor step = torch::rand({per_channel ? 5 : 1}, options) * 0.2 + 1.2;
  step /= levels.high;
  const std::int64_t sharing = per_channel ? 63 : 315;
  const Result expected = by_hand(values, step, levels, sharing, gradient);
  const Result exact = ours(values, step, levels, sharing, gradient);
  expect_close(exact.values, expected.values, 1e-14);
  expect_close(exact.of_values, expected.of_values, 1e-14);
  expect_close(exact.of_step, expected.of_step, 1e-12);

  const Result single =
      ours(values.to(torch::kFloat), step.to(torch::kFloat), levels, sharing, gradient.to(torch::kFloat));
  EXPECT_EQ(single.values.scalar_type(), torch::kFloat);
  expect_close(single.values, expected.values, 1e-6);
  expect_close(single.of_step, expected.of_step, 1e-4);
}

TEST_P(LsqTest, GradientsAreAutogradsOfTheStraightThroughForm) {
  torch::manual_seed(2);
  const auto [bits, is_signed, per_channel] = GetParam();
  const Levels levels = is_signed ? signed_levels(bits) : unsigned_levels(bits);
  const torch::Tensor values = torch::randn({4, 6, 5}, torch::dtype(torch::kDouble)).requires_grad_();
  const torch::Tensor step =
      torch::full({per_channel ? 4 : 1}, 1.3 / levels.high, torch::dtype(torch::kDouble)).requires_grad_();
  const torch::Tensor s = per_channel ? step.view({4, 1, 1}) : step;
  const torch::Tensor clamped = (values / s).clamp(levels.low, levels.high);
  const torch::Tensor form = (clamped + (clamped.round() - clamped).detach()) * s;
  const torch::Tensor gradient = torch::randn_like(values);
  form.backward(gradient);
  const Result result = ours(values, step, levels, 30, gradient);
  expect_close(result.values, form.detach(), 1e-14);
  expect_close(result.of_values, values.grad(), 1e-14);
  expect_close(result.of_step, step.grad() / step.detach() / std::sqrt(30.0 * levels.high), 1e-12);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return std::to_string(info.param.bits) + (info.param.is_signed ? "s" : "u") +
         (info.param.per_channel ? "PerChannel" : "PerTensor");
}

INSTANTIATE_TEST_SUITE_P(Bits, LsqTest,
                         testing::Values(Case{8, true, true}, Case{8, true, false}, Case{8, false, false},
                                         Case{4, true, true}, Case{4, false, false}, Case{3, true, false},
                                         Case{3, false, false}, Case{2, true, true}, Case{2, false, false}),
                         case_name);

TEST(Lsq, RangesAreTheEngines) {
  EXPECT_EQ(signed_levels(8).low, -127);
  EXPECT_EQ(signed_levels(8).high, 127);
  EXPECT_EQ(signed_levels(4).high, 7);
  EXPECT_EQ(signed_levels(3).high, 3);
  EXPECT_EQ(signed_levels(2).low, -1);
  EXPECT_EQ(unsigned_levels(8).high, 255);
  EXPECT_EQ(unsigned_levels(2).high, 3);
  EXPECT_EQ(unsigned_levels(2).low, 0);
}

TEST(Lsq, HalvesGoToEvenAndBoundsGetNoGradient) {
  const torch::Tensor values = torch::tensor({-9.0f, -1.5f, -0.5f, 0.0f, 0.5f, 1.5f, 2.5f, 7.0f, 7.4f});
  const Result result = ours(values, torch::ones({1}), signed_levels(4), 9, torch::ones({9}));
  EXPECT_TRUE(
      torch::equal(result.values, torch::tensor({-7.0f, -2.0f, -0.0f, 0.0f, 0.0f, 2.0f, 2.0f, 7.0f, 7.0f})));
  EXPECT_TRUE(
      torch::equal(result.of_values, torch::tensor({0.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f})));
  // Behind a ReLU a zero is at the bound: no gradient, as of a ReLU.
  const Result relu = ours(values, torch::ones({1}), unsigned_levels(4), 9, torch::ones({9}));
  EXPECT_EQ(relu.of_values[3].item<float>(), 0.0f);
  EXPECT_EQ(relu.of_values[0].item<float>(), 0.0f);
}

TEST(Lsq, HalfPrecisionIsComputedInSingle) {
  torch::manual_seed(3);
  for (const auto type : {torch::kHalf, torch::kBFloat16}) {
    const torch::Tensor values =
        torch::randn({2, 8, 5, 3}).to(type).contiguous(torch::MemoryFormat::ChannelsLast);
    const torch::Tensor gradient = torch::randn_like(values, torch::kFloat).to(type);
    const torch::Tensor step = torch::full({1}, 0.01f);
    const Result low = ours(values, step, unsigned_levels(8), 120, gradient);
    const Result high =
        ours(values.to(torch::kFloat), step, unsigned_levels(8), 120, gradient.to(torch::kFloat));
    EXPECT_EQ(low.values.scalar_type(), type);
    EXPECT_EQ(low.of_values.scalar_type(), type);
    EXPECT_EQ(low.of_step.scalar_type(), torch::kFloat);
    EXPECT_TRUE(low.values.is_contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(torch::equal(low.values, high.values.to(type)));
    EXPECT_TRUE(torch::equal(low.of_step, high.of_step));
  }
}

// A step trained by the squared error alone ends where a search over all steps finds the least error.
TEST(Lsq, LearnsTheStepOfLeastError) {
  torch::manual_seed(4);
  const torch::Tensor values = torch::randn({4096});
  const Levels levels = signed_levels(3);
  const auto error = [&](double step) {
    const torch::Tensor q = to_steps(values, torch::full({1}, std::log(step)), levels);
    return (q * step - values).square().mean().item<double>();
  };
  double least = 1;
  for (int i = 1; i < 200; ++i) least = std::min(least, error(0.01 * i));
  for (const double start : {0.15, 1.5}) {
    for (const bool adam : {false, true}) {
      const torch::Tensor log_step = torch::full({1}, static_cast<float>(std::log(start))).requires_grad_();
      torch::optim::SGD sgd({log_step}, torch::optim::SGDOptions(0.3));
      torch::optim::Adam by_adam({log_step}, torch::optim::AdamOptions(0.02));
      torch::optim::Optimizer& optimizer =
          adam ? static_cast<torch::optim::Optimizer&>(by_adam) : static_cast<torch::optim::Optimizer&>(sgd);
      for (int i = 0; i < 400; ++i) {
        optimizer.zero_grad();
        (fake_quantize(values, log_step, levels, 1) - values).square().mean().backward();
        optimizer.step();
      }
      const double step = std::exp(log_step.item<double>());
      EXPECT_LE(error(step), 1.02 * least) << "from " << start << " to " << step << (adam ? " by Adam" : "");
    }
  }
}

}  // namespace
}  // namespace resnet::train
