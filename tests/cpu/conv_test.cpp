// Every convolution algorithm on every instruction set of this machine, in fp32 and bf16, against the
// reference operators.

#include "cpu/bf16/element.hpp"
#include "cpu/blocked_buffer.hpp"
#include "cpu/isa.hpp"
#include "cpu/reference/ops.hpp"
#include "support/random_values.hpp"

#include <cmath>
#include <cstring>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

namespace resnet {
namespace {

using cpu::Activation;
using cpu::KernelTable;

struct ConvCase {
  int n, ic, oc, h, w, kernel, stride;
  bool residual, relu;
  int out_halo;
};

// Single pixels, ragged and prime sides, several chunks of k, more output channels than one tile, and
// ResNet's own shapes. Channels come in whole blocks, of which bf16 by AMX has the largest, 32.
constexpr ConvCase kDirectCases[] = {
    {1, 32, 32, 1, 1, 1, 1, false, false, 0},  {1, 32, 32, 1, 13, 1, 1, false, true, 0},
    {2, 64, 64, 7, 5, 1, 1, true, true, 0},    {1, 64, 256, 11, 3, 1, 1, true, true, 1},
    {1, 512, 96, 7, 7, 1, 1, true, true, 0},   {3, 544, 32, 2, 3, 1, 1, false, false, 1},
    {1, 64, 128, 9, 9, 1, 2, false, false, 0}, {2, 256, 64, 14, 10, 1, 2, false, false, 0},
    {1, 32, 32, 1, 1, 3, 2, false, true, 0},   {2, 64, 128, 13, 17, 3, 2, false, true, 0},
    {1, 256, 64, 7, 8, 3, 2, false, true, 1},  {1, 64, 64, 5, 6, 3, 1, true, true, 0},
};

constexpr ConvCase kWinogradCases[] = {
    {1, 16, 32, 1, 1, 3, 1, false, false, 0},   {1, 16, 32, 4, 4, 3, 1, false, true, 0},
    {2, 64, 64, 7, 7, 3, 1, true, true, 0},     {1, 64, 128, 13, 5, 3, 1, true, true, 1},
    {1, 512, 64, 6, 9, 3, 1, true, true, 0},    {3, 32, 32, 3, 11, 3, 1, false, true, 0},
    {1, 64, 64, 56, 56, 3, 1, true, true, 0},   {1, 16, 32, 1, 1, 3, 2, false, false, 0},
    {2, 64, 64, 8, 8, 3, 2, true, true, 0},     {1, 64, 128, 13, 5, 3, 2, true, true, 1},
    {1, 256, 64, 7, 18, 3, 2, false, true, 0},  {3, 32, 32, 17, 3, 3, 2, false, true, 1},
    {1, 64, 128, 56, 56, 3, 2, false, true, 0},
};

// What the kernels of a precision keep of a value.
float kept(float value, Precision precision) {
  struct ThisTest;
  if (precision == Precision::fp32) return value;
  return cpu::bf16_to_float<ThisTest>(cpu::float_to_bf16<ThisTest>(value));
}

struct Problem {
  std::vector<float> input, weights, bias, residual;
  std::vector<double> oc_scale;
  reference::Conv2dParams params;

  Problem(const ConvCase& c, Precision precision)
      : params{c.n, c.ic, c.h, c.w, c.oc, c.kernel, c.stride, c.kernel / 2}, precision_(precision) {
    input = test::random_values(std::int64_t{c.n} * c.ic * c.h * c.w, 1);
    weights = test::random_values(std::int64_t{c.oc} * c.ic * c.kernel * c.kernel, 2);
    bias = test::random_values(c.oc + 64, 3);
    if (c.residual) residual = test::random_values(c.n * c.oc * params.oh() * params.ow(), 4);
    for (int o = 0; o < c.oc; ++o) oc_scale.push_back(0.5 + 0.01 * (o % 7));
    for (float& value : input) value = kept(value, precision);
    for (float& value : residual) value = kept(value, precision);
  }

  std::vector<float> expected(const ConvCase& c) const {
    std::vector<float> scaled = weights;
    const std::size_t per_channel = scaled.size() / c.oc;
    for (std::size_t i = 0; i < scaled.size(); ++i) {
      const double value = static_cast<double>(scaled[i]) * oc_scale[i / per_channel];
      scaled[i] = kept(static_cast<float>(value), precision_);
    }
    const auto plane = static_cast<std::size_t>(params.oh() * params.ow());
    std::vector<float> output(static_cast<std::size_t>(c.n) * c.oc * plane);
    reference::conv2d(params, input.data(), scaled.data(), output.data(), 1);
    for (std::size_t i = 0; i < output.size(); ++i) {
      double v = static_cast<double>(output[i]) + static_cast<double>(bias[i / plane % c.oc]);
      if (c.residual) v += static_cast<double>(residual[i]);
      output[i] = static_cast<float>(c.relu ? std::fmax(v, 0.0) : v);
    }
    return output;
  }

 private:
  Precision precision_;
};

struct Isa {
  std::string_view name;
  Precision precision;
};

std::vector<Isa> isas(std::initializer_list<Precision> precisions) {
  std::vector<Isa> all;
  for (const Precision precision : precisions) {
    for (const std::string_view name : cpu::available_isas(precision)) all.push_back({name, precision});
  }
  return all;
}

// The contract's bound, relative to the tensor's largest value; the direct algorithm's own is tighter.
constexpr double kWinogradTolerance = 3e-5, kDirectTolerance = 3e-6;
// The sums of products of bf16 are as close; then one rounding to 8 bits.
constexpr double kBf16Tolerance = 1.0 / 256 + kDirectTolerance;

void expect_close(const std::vector<float>& actual, const std::vector<float>& expected, double tolerance) {
  double largest = 0, worst = 0;
  std::size_t where = 0;
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::fmax(largest, std::fabs(static_cast<double>(expected[i])));
    const double error = std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    if (!(error <= worst)) worst = error, where = i;
  }
  ASSERT_GT(largest, 0);
  EXPECT_LE(worst, tolerance * largest)
      << "element " << where << ": " << actual[where] << " instead of " << expected[where];
}

class ConvTest : public testing::TestWithParam<std::tuple<Isa, ConvCase>> {
 protected:
  Precision precision() const { return std::get<0>(GetParam()).precision; }
  const KernelTable& kernels() const { return cpu::kernels_for(std::get<0>(GetParam()).name, precision()); }
  const ConvCase& shape() const { return std::get<1>(GetParam()); }

  // Runs `compute(out, epilogue)` as a team of `members` and returns the output.
  template <class Compute>
  std::vector<float> run(const Problem& problem, Compute&& compute) const {
    const ConvCase& c = shape();
    const int oh = static_cast<int>(problem.params.oh()), ow = static_cast<int>(problem.params.ow());
    test::BlockedBuffer out(kernels(), c.n, c.oc, oh, ow, c.out_halo);
    test::BlockedBuffer residual(kernels(), c.n, c.oc, oh, ow, 0);
    if (c.residual) residual.fill(problem.residual);
    cpu::Epilogue epilogue{.bias = bias_.data(), .relu = c.relu};
    if (c.residual) epilogue.residual = residual.activation();
    compute(out.activation(), epilogue);
    EXPECT_TRUE(out.guards_intact());
    return out.nchw();
  }

  void SetUp() override {
    const Problem problem(shape(), precision());
    // Kernels load whole aligned vectors of the bias.
    bias_arena_ = Arena(Arena::padded(sizeof(float) * problem.bias.size()));
    auto* bias = bias_arena_.take_array<float>(problem.bias.size());
    std::copy(problem.bias.begin(), problem.bias.end(), bias);
    bias_ = {bias, problem.bias.size()};
  }

  Arena bias_arena_;
  std::span<const float> bias_;
};

class DirectConvTest : public ConvTest {};
class WinogradConvTest : public ConvTest {};

TEST_P(DirectConvTest, EqualsTheReferenceForAnyTeam) {
  const ConvCase& c = shape();
  const KernelTable& k = kernels();
  const Problem problem(c, precision());
  test::BlockedBuffer in(k, c.n, c.ic, c.h, c.w, c.kernel / 2);
  in.fill(problem.input);
  const std::size_t bytes = k.packed_conv_bytes(c.ic, c.oc, c.kernel);
  Arena arena(Arena::padded(bytes));
  std::byte* packed = arena.take(bytes);
  for (int rank = 0; rank < 3; ++rank) {
    k.pack_conv(problem.weights.data(), problem.oc_scale.data(), c.ic, c.oc, c.kernel, packed, rank, 3);
  }
  const auto with_team = [&](int size, std::size_t l2_bytes) {
    return run(problem, [&](const Activation& out, const cpu::Epilogue& epilogue) {
      for (int rank = 0; rank < size; ++rank) {
        k.conv({in.activation(), out, packed, c.kernel, c.stride, c.kernel / 2, epilogue, l2_bytes}, rank,
               size);
      }
    });
  };
  const std::vector<float> alone = with_team(1, 1 << 20);
  expect_close(alone, problem.expected(c),
               precision() == Precision::fp32 ? kDirectTolerance : kBf16Tolerance);
  for (const int size : {2, 3, 5}) EXPECT_EQ(with_team(size, 1 << 20), alone) << size << " members";
  EXPECT_EQ(with_team(1, 4096), alone) << "small blocks";
}

TEST_P(WinogradConvTest, EqualsTheReferenceForAnyTeamAndBlocking) {
  const ConvCase& c = shape();
  const KernelTable& k = kernels();
  const Problem problem(c, precision());
  test::BlockedBuffer in(k, c.n, c.ic, c.h, c.w, 0);
  in.fill(problem.input);
  for (const cpu::WinogradForm form : {cpu::WinogradForm{2, 1}, {4, 1}, {4, 2}}) {
    if (form.stride != c.stride) continue;
    const int m = form.m;
    SCOPED_TRACE("F(" + std::to_string(m) + "x" + std::to_string(m) + ")");
    const int out_h = (c.h - 1) / c.stride + 1, out_w = (c.w - 1) / c.stride + 1;
    const int tiles = c.n * ((out_h + m - 1) / m) * ((out_w + m - 1) / m);
    const std::size_t bytes = k.winograd.packed_bytes(c.ic, c.oc, form);
    const std::size_t v_bytes = k.winograd.input_bytes(form, tiles, c.ic);
    const std::size_t product_bytes = k.winograd.product_bytes(form, tiles, c.oc);
    Arena arena(Arena::padded(bytes) + Arena::padded(v_bytes) + Arena::padded(product_bytes));
    auto* packed = reinterpret_cast<float*>(arena.take(bytes));
    auto* v = reinterpret_cast<float*>(arena.take(v_bytes));
    auto* products = reinterpret_cast<float*>(arena.take(product_bytes));
    for (int rank = 0; rank < 2; ++rank) {
      k.winograd.pack(problem.weights.data(), problem.oc_scale.data(), c.ic, c.oc, form, packed, rank, 2);
    }
    const auto with_team = [&](int size, int block) {
      return run(problem, [&](const Activation& out, const cpu::Epilogue& epilogue) {
        for (int begin = 0; begin < tiles; begin += block) {
          const cpu::WinogradArgs args{in.activation(), out,      form,
                                       packed,          epilogue, v,
                                       products,        begin,    std::min(tiles, begin + block)};
          for (int rank = 0; rank < size; ++rank) k.winograd.input(args, rank, size);
          for (int rank = 0; rank < size; ++rank) k.winograd.gemm(args, rank, size);
          for (int rank = 0; rank < size; ++rank) k.winograd.output(args, rank, size);
        }
      });
    };
    const std::vector<float> alone = with_team(1, tiles);
    expect_close(alone, problem.expected(c), kWinogradTolerance);
    EXPECT_EQ(with_team(3, tiles), alone);
    EXPECT_EQ(with_team(2, 5), alone);
  }
}

std::string case_name(const testing::TestParamInfo<std::tuple<Isa, ConvCase>>& info) {
  const auto& [isa, c] = info.param;
  return std::string(isa.name) + "_" + std::string(to_string(isa.precision)) + "_n" + std::to_string(c.n) +
         "_ic" + std::to_string(c.ic) + "_oc" + std::to_string(c.oc) + "_" + std::to_string(c.h) + "x" +
         std::to_string(c.w) + "_k" + std::to_string(c.kernel) + "_s" + std::to_string(c.stride) +
         (c.residual ? "_add" : "") + (c.relu ? "_relu" : "");
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, DirectConvTest,
                         testing::Combine(testing::ValuesIn(isas({Precision::fp32, Precision::bf16})),
                                          testing::ValuesIn(kDirectCases)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(EveryIsa, WinogradConvTest,
                         testing::Combine(testing::ValuesIn(isas({Precision::fp32})),
                                          testing::ValuesIn(kWinogradCases)),
                         case_name);

}  // namespace
}  // namespace resnet
