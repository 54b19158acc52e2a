// Every int8 operator on every instruction set of this machine against the reference operators: equal, not
// close.

#include "cpu/reference/int8_ops.hpp"

#include "core/arena.hpp"
#include "cpu/isa.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace resnet {
namespace {

using cpu::Activation;
using cpu::int8::kBlock;
using cpu::int8::KernelTable;
using cpu::int8::padded_channels;

enum class Residual { none, unsigned_steps, signed_steps };
enum class Values { random, largest };  // largest: every sum is as far from zero as it can be

struct ConvCase {
  int n, ic, oc, h, w, kernel, stride;
  Residual residual = Residual::none;
  bool is_signed = false;
  int out_halo = 0;
  Values values = Values::random;
};

// Single pixels, ragged and prime sides and channels, rows of 7 and 14 and more than a tile, ResNet's own
// shapes.
constexpr ConvCase kConvCases[] = {
    {1, 1, 1, 1, 1, 1, 1},
    {1, 3, 5, 1, 13, 1, 1},
    {2, 64, 64, 7, 5, 1, 1, Residual::unsigned_steps},
    {1, 65, 131, 11, 3, 1, 1, Residual::signed_steps, false, 1},
    {1, 512, 96, 7, 7, 1, 1, Residual::unsigned_steps},
    {3, 130, 32, 2, 3, 1, 1, Residual::none, true},
    {2, 64, 128, 14, 10, 1, 1, Residual::none, true, 1},
    {1, 64, 64, 29, 31, 1, 1},
    {1, 7, 33, 1, 1, 3, 2},
    {2, 64, 128, 13, 17, 3, 2, Residual::none, false, 1},
    {1, 256, 64, 14, 14, 3, 2, Residual::none, false, 1},
    {1, 64, 64, 5, 6, 3, 1, Residual::unsigned_steps, false, 1},
    {2, 64, 64, 7, 7, 3, 1, Residual::unsigned_steps, false, 1},
    {1, 100, 70, 14, 14, 3, 1, Residual::signed_steps},
    {3, 64, 64, 3, 20, 3, 1, Residual::none, false, 1},
    {1, 64, 64, 56, 56, 3, 1, Residual::unsigned_steps, false, 1},
    {1, 256, 64, 7, 9, 3, 1, Residual::unsigned_steps},
    {1, 64, 64, 6, 6, 3, 1, Residual::unsigned_steps, false, 0, Values::largest},
    {1, 512, 64, 4, 4, 3, 1, Residual::unsigned_steps, false, 0, Values::largest},
    {1, 2048, 32, 2, 2, 1, 1, Residual::signed_steps, false, 0, Values::largest},
};

std::vector<std::int16_t> random_steps(std::int64_t count, int low, int high, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int16_t> values(static_cast<std::size_t>(count));
  for (auto& v : values) v = static_cast<std::int16_t>(low + static_cast<int>(random() % (high - low + 1)));
  // The bounds are where instructions saturate.
  for (std::size_t i = 0; i < values.size(); i += 7)
    values[i] = static_cast<std::int16_t>(i % 2 ? low : high);
  return values;
}

// A blocked activation with guard bytes around it.
class Buffer {
 public:
  Buffer(const KernelTable& kernels, int n, int channels, int h, int w, int halo, bool is_signed = false)
      : kernels_(kernels),
        channels_(channels),
        bytes_(static_cast<std::size_t>(n) * padded_channels(channels) * (h + 2 * halo) * (w + 2 * halo) *
               kernels.element_bytes),
        arena_(Arena::padded(bytes_ + 2 * kGuard)) {
    memory_ = arena_.take_array<std::uint8_t>(bytes_ + 2 * kGuard);
    std::fill_n(memory_, bytes_ + 2 * kGuard, kSentinel);
    activation_ = {memory_ + kGuard, n, padded_channels(channels), h, w, halo, is_signed};
    kernels_.zero_halo(activation_, 0, 1);
  }

  const Activation& activation() const { return activation_; }

  void fill(const std::vector<std::int16_t>& nchw) {
    const std::vector<float> values(nchw.begin(), nchw.end());
    kernels_.to_blocked(values.data(), channels_, 1.0f, activation_, 0, 1);
  }

  std::vector<std::int16_t> nchw() const {
    const Activation& a = activation_;
    std::vector<float> values(static_cast<std::size_t>(a.n) * channels_ * a.h * a.w);
    kernels_.from_blocked(a, channels_, 1.0f, values.data(), 0, 1);
    return {values.begin(), values.end()};
  }

  bool guards_intact() const {
    const auto intact = [](std::uint8_t v) { return v == kSentinel; };
    return std::all_of(memory_, memory_ + kGuard, intact) &&
           std::all_of(memory_ + kGuard + bytes_, memory_ + 2 * kGuard + bytes_, intact);
  }

 private:
  // A kernel may read as far as this behind its input.
  static constexpr std::size_t kGuard = cpu::kSlackBytes;
  static constexpr std::uint8_t kSentinel = 0xAB;

  const KernelTable& kernels_;
  int channels_;
  std::size_t bytes_;
  Arena arena_;
  std::uint8_t* memory_;
  Activation activation_;
};

// A layer's parameters, plain and packed.
struct Parameters {
  std::vector<std::int8_t> weights;  // [OC][per_channel]
  std::vector<std::int32_t> bias;
  std::vector<float> multiplier;
  Arena arena;
  const std::int32_t* packed_bias = nullptr;
  const float* packed_multiplier = nullptr;

  // `offset` of an input channel is added to the kernels' own.
  Parameters(const KernelTable& k, int ic, int oc, int taps, Values values,
             const std::vector<int>& offset = {})
      : arena(2 * Arena::padded(sizeof(float) * static_cast<std::size_t>(padded_channels(oc)))) {
    const auto steps = random_steps(std::int64_t{oc} * ic * taps, -127, 127, 2);
    weights.assign(steps.begin(), steps.end());
    if (values == Values::largest) {
      for (std::size_t i = 0; i < weights.size(); ++i)
        weights[i] = i / (static_cast<std::size_t>(ic) * taps) % 2 ? -127 : 127;
    }
    std::mt19937 random(3);
    for (int o = 0; o < oc; ++o) {
      bias.push_back(static_cast<std::int32_t>(random() % 200001) - 100000);
      // Sums of this many random products land all over 0 … 255 and beyond.
      const double spread =
          values == Values::largest ? 255.0 * 127 * ic * taps : 12000.0 * std::sqrt(ic * taps);
      multiplier.push_back(static_cast<float>((150.0 + o % 100) / spread));
    }
    const auto padded = static_cast<std::size_t>(padded_channels(oc));
    auto* b = arena.take_array<std::int32_t>(padded);
    auto* m = arena.take_array<float>(padded);
    for (int position = 0; position < padded_channels(oc); ++position) {
      const int channel = k.channel(position);
      if (channel >= oc) continue;
      b[position] = bias[static_cast<std::size_t>(channel)];
      m[position] = multiplier[static_cast<std::size_t>(channel)];
      for (int i = 0; i < ic * taps; ++i) {
        const int extra = offset.empty() ? 0 : offset[static_cast<std::size_t>(i / taps)];
        b[position] += (k.input_offset + extra) * weights[static_cast<std::size_t>(channel * ic * taps + i)];
      }
    }
    packed_bias = b, packed_multiplier = m;
  }
};

class Packed {
 public:
  explicit Packed(std::size_t bytes) : arena_(Arena::padded(bytes)), data_(arena_.take(bytes)) {}
  void* data() { return data_; }

 private:
  Arena arena_;
  void* data_;
};

template <class Case>
class IsaTest : public testing::TestWithParam<std::tuple<std::string_view, Case>> {
 protected:
  const KernelTable& kernels() const { return cpu::int8_kernels_for(std::get<0>(this->GetParam())); }
  const Case& shape() const { return std::get<1>(this->GetParam()); }
};

class Int8ConvTest : public IsaTest<ConvCase> {};

TEST_P(Int8ConvTest, EqualsTheReferenceForAnyTeam) {
  constexpr float kResidualMultiplier = 0.37f;
  const ConvCase& c = shape();
  const KernelTable& k = kernels();
  const int padding = c.kernel / 2, taps = c.kernel * c.kernel;
  const reference::Conv2dParams params{c.n, c.ic, c.h, c.w, c.oc, c.kernel, c.stride, padding};
  const int oh = static_cast<int>(params.oh()), ow = static_cast<int>(params.ow());
  std::vector<std::int16_t> input = random_steps(std::int64_t{c.n} * c.ic * c.h * c.w, 0, 255, 1);
  if (c.values == Values::largest) std::fill(input.begin(), input.end(), std::int16_t{255});
  const bool signed_residual = c.residual == Residual::signed_steps;
  const std::vector<std::int16_t> residual = random_steps(
      std::int64_t{c.n} * c.oc * oh * ow, signed_residual ? -127 : 0, signed_residual ? 127 : 255, 4);
  const Parameters parameters(k, c.ic, c.oc, taps, c.values);

  std::vector<std::int16_t> expected(residual.size());
  reference::conv2d_int8(params, input.data(), parameters.weights.data(),
                         {.bias = parameters.bias.data(),
                          .multiplier = parameters.multiplier.data(),
                          .range = c.is_signed ? kSignedRange : kUnsignedRange,
                          .residual = c.residual == Residual::none ? nullptr : residual.data(),
                          .residual_multiplier = kResidualMultiplier},
                         expected.data(), 1);
  ASSERT_NE(*std::min_element(expected.begin(), expected.end()),
            *std::max_element(expected.begin(), expected.end()) + (expected.size() == 1 ? 1 : 0));

  Buffer in(k, c.n, c.ic, c.h, c.w, padding);
  in.fill(input);
  Buffer shortcut(k, c.n, c.oc, oh, ow, 1, signed_residual);
  shortcut.fill(residual);
  const std::int8_t* w = parameters.weights.data();
  const bool winograd = k.winograd.conv != nullptr && c.kernel == 3 && c.stride == 1;
  if (winograd && c.values == Values::largest) {
    EXPECT_EQ(k.winograd.is_exact(w, c.ic, c.oc), c.ic < 512);
  }
  for (const bool by_winograd : {false, true}) {
    if (by_winograd && (!winograd || !k.winograd.is_exact(w, c.ic, c.oc))) continue;
    SCOPED_TRACE(by_winograd ? "Winograd" : "direct");
    Packed weights(by_winograd ? k.winograd.packed_bytes(c.ic, c.oc)
                               : k.packed_conv_bytes(c.ic, c.oc, c.kernel));
    for (int rank = 0; rank < 3; ++rank) {
      if (by_winograd) {
        k.winograd.pack(w, c.ic, c.oc, weights.data(), rank, 3);
      } else {
        k.pack_conv(w, c.ic, c.oc, c.kernel, weights.data(), rank, 3);
      }
    }
    Packed scratch(by_winograd ? k.winograd.scratch_bytes(padded_channels(c.ic)) : 1);
    for (const auto& [size, l2] : {std::pair{1, 1 << 20}, {2, 1 << 20}, {5, 1 << 20}, {1, 4096}}) {
      Buffer out(k, c.n, c.oc, oh, ow, c.out_halo, c.is_signed);
      for (int rank = 0; rank < size; ++rank) {
        const cpu::int8::ConvArgs args{
            .in = in.activation(),
            .out = out.activation(),
            .weights = weights.data(),
            .kernel = c.kernel,
            .stride = c.stride,
            .padding = padding,
            .requantize = {.bias = parameters.packed_bias,
                           .multiplier = parameters.packed_multiplier,
                           .residual = c.residual == Residual::none ? Activation{} : shortcut.activation(),
                           .residual_multiplier = kResidualMultiplier},
            .l2_bytes = static_cast<std::size_t>(l2)};
        if (by_winograd) {
          k.winograd.conv(args, scratch.data(), rank, size);
        } else {
          k.conv(args, rank, size);
        }
      }
      EXPECT_EQ(out.nchw(), expected) << size << " members, L2 of " << l2;
      EXPECT_TRUE(out.guards_intact());
    }
  }
}

struct StemCase {
  int n, h, w;
};

class Int8StemTest : public IsaTest<StemCase> {};

TEST_P(Int8StemTest, EqualsTheReferenceWithAndWithoutThePool) {
  constexpr int kChannels = 64, kTaps = 49;
  const auto& [n, h, w] = shape();
  const KernelTable& k = kernels();
  const cpu::int8::PixelRule rule{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}, {124, 116, 104}};
  std::vector<std::int16_t> pixels = random_steps(std::int64_t{n} * 3 * h * w, 0, 255, 5);
  std::vector<float> normalised(pixels.size());
  std::vector<std::int16_t> centred(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t c = i / (static_cast<std::size_t>(h) * w) % 3;
    normalised[i] = (static_cast<float>(pixels[i]) / 255.0f - rule.mean[c]) / rule.std[c];
    centred[i] = static_cast<std::int16_t>(pixels[i] - rule.centre[c]);
  }
  const Parameters parameters(k, 3, kChannels, kTaps, Values::random, {-124, -116, -104});
  const reference::Conv2dParams params{n, 3, h, w, kChannels, 7, 2, 3};
  const int oh = static_cast<int>(params.oh()), ow = static_cast<int>(params.ow());
  std::vector<std::int16_t> conv(static_cast<std::size_t>(n) * kChannels * oh * ow);
  reference::conv2d_int8(
      params, centred.data(), parameters.weights.data(),
      {.bias = parameters.bias.data(), .multiplier = parameters.multiplier.data(), .range = kUnsignedRange},
      conv.data(), 1);
  const reference::MaxPoolParams pool{std::int64_t{n} * kChannels, oh, ow, 3, 2, 1};
  std::vector<std::int16_t> pooled(static_cast<std::size_t>(pool.planes * pool.oh() * pool.ow()));
  reference::max_pool_int8(pool, conv.data(), pooled.data(), 1);

  Packed image(n * k.stem_image_bytes(h, w)), weights(k.packed_stem_bytes(kChannels)),
      scratch(k.stem_scratch_bytes(w, kChannels));
  k.pack_stem(parameters.weights.data(), kChannels, weights.data());
  for (const int size : {1, 3}) {
    for (int rank = 0; rank < size; ++rank)
      k.stem_input(normalised.data(), n, h, w, rule, static_cast<std::uint8_t*>(image.data()), rank, size);
    for (const bool with_pool : {false, true}) {
      Buffer out(k, n, kChannels, with_pool ? static_cast<int>(pool.oh()) : oh,
                 with_pool ? static_cast<int>(pool.ow()) : ow, with_pool ? 1 : 0);
      for (int rank = 0; rank < size; ++rank) {
        k.stem({.image = static_cast<std::uint8_t*>(image.data()),
                .n = n,
                .h = h,
                .w = w,
                .weights = weights.data(),
                .requantize = {.bias = parameters.packed_bias, .multiplier = parameters.packed_multiplier},
                .out = out.activation(),
                .pooled = with_pool,
                .scratch = scratch.data()},
               rank, size);
      }
      EXPECT_EQ(out.nchw(), with_pool ? pooled : conv) << size << " members";
      EXPECT_TRUE(out.guards_intact());
    }
  }
}

struct HeadCase {
  int n, channels, classes, h, w;
};

class Int8HeadTest : public IsaTest<HeadCase> {};

TEST_P(Int8HeadTest, PoolAndFullyConnectedEqualTheReference) {
  constexpr float kPool = 0.0173f;
  const auto& [n, channels, classes, h, w] = shape();
  const KernelTable& k = kernels();
  const std::vector<std::int16_t> input = random_steps(std::int64_t{n} * channels * h * w, 0, 255, 6);
  const Parameters parameters(k, channels, classes, 1, Values::random);
  std::vector<std::int16_t> means(static_cast<std::size_t>(n) * channels);
  reference::global_average_pool_int8(std::int64_t{n} * channels, std::int64_t{h} * w, input.data(), kPool,
                                      means.data(), 1);
  std::vector<float> expected(static_cast<std::size_t>(n) * classes);
  reference::fully_connected_int8({.n = n, .inputs = channels, .outputs = classes}, means.data(),
                                  parameters.weights.data(), parameters.bias.data(),
                                  parameters.multiplier.data(), expected.data(), 1);

  Buffer in(k, n, channels, h, w, 0), pooled(k, 1, channels, 1, n, 0);
  in.fill(input);
  Packed weights(k.packed_fully_connected_bytes(channels, classes));
  k.pack_fully_connected(parameters.weights.data(), channels, classes, weights.data(), 0, 1);
  for (const int size : {1, 3}) {
    for (int rank = 0; rank < size; ++rank)
      k.global_average_pool(in.activation(), kPool, pooled.activation(), rank, size);
    std::vector<float> logits(expected.size(), -1.0f);
    for (int rank = 0; rank < size; ++rank) {
      k.fully_connected({.in = pooled.activation(),
                         .outputs = classes,
                         .weights = weights.data(),
                         .bias = parameters.packed_bias,
                         .multiplier = parameters.packed_multiplier,
                         .out = logits.data()},
                        rank, size);
    }
    EXPECT_EQ(logits, expected) << size << " members";
  }
}

class Int8SubsampleTest : public IsaTest<HeadCase> {};

TEST_P(Int8SubsampleTest, TakesEverySecondPixel) {
  const auto& [n, channels, classes, h, w] = shape();
  const KernelTable& k = kernels();
  const int oh = (h + 1) / 2, ow = (w + 1) / 2;
  const std::vector<std::int16_t> input = random_steps(std::int64_t{n} * channels * h * w, 0, 255, 7);
  std::vector<std::int16_t> expected;
  for (int plane = 0; plane < n * channels; ++plane) {
    for (int y = 0; y < oh; ++y) {
      for (int x = 0; x < ow; ++x)
        expected.push_back(input[(std::size_t{1} * plane * h + 2 * y) * w + 2 * x]);
    }
  }
  Buffer in(k, n, channels, h, w, 1), out(k, n, channels, oh, ow, 0);
  in.fill(input);
  for (int rank = 0; rank < 2; ++rank) k.subsample(in.activation(), out.activation(), rank, 2);
  EXPECT_EQ(out.nchw(), expected);
}

template <class Case>
std::string case_name(const testing::TestParamInfo<std::tuple<std::string_view, Case>>& info) {
  return std::string(std::get<0>(info.param)) + "_" + std::to_string(info.index);
}

constexpr StemCase kStemCases[] = {{1, 32, 32}, {2, 33, 47}, {1, 224, 224}, {1, 35, 301}};
constexpr HeadCase kHeadCases[] = {
    {1, 512, 1000, 7, 7}, {9, 64, 10, 3, 2}, {3, 130, 81, 1, 1}, {16, 2048, 80, 2, 2}};

INSTANTIATE_TEST_SUITE_P(EveryIsa, Int8ConvTest,
                         testing::Combine(testing::ValuesIn(cpu::available_isas(Precision::int8)),
                                          testing::ValuesIn(kConvCases)),
                         case_name<ConvCase>);
INSTANTIATE_TEST_SUITE_P(EveryIsa, Int8StemTest,
                         testing::Combine(testing::ValuesIn(cpu::available_isas(Precision::int8)),
                                          testing::ValuesIn(kStemCases)),
                         case_name<StemCase>);
INSTANTIATE_TEST_SUITE_P(EveryIsa, Int8HeadTest,
                         testing::Combine(testing::ValuesIn(cpu::available_isas(Precision::int8)),
                                          testing::ValuesIn(kHeadCases)),
                         case_name<HeadCase>);
INSTANTIATE_TEST_SUITE_P(EveryIsa, Int8SubsampleTest,
                         testing::Combine(testing::ValuesIn(cpu::available_isas(Precision::int8)),
                                          testing::ValuesIn(kHeadCases)),
                         case_name<HeadCase>);

}  // namespace
}  // namespace resnet
