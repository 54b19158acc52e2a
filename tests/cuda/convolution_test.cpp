// The convolutions of every family of kernels by themselves, on odd shapes and through every tile, against
// the reference.
#include "cuda/convolution.hpp"

#include "core/requantize.hpp"
#include "cpu/reference/ops.hpp"
#include "cuda/check.hpp"
#include "cuda/devices.hpp"
#include "cuda/gathered/convolution.hpp"
#include "cuda/layers.hpp"
#include "cuda/memory.hpp"
#include "cuda/pointwise.hpp"
#include "cuda/sm90/convolution.hpp"
#include "cuda/stream.hpp"
#include "support/gpu.hpp"
#include "support/random_values.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

namespace resnet {
namespace {

using cuda::kPaddedChannels;
using cuda::sm90::TileShape;
using test::random_values;

struct ConvCase {
  int n, ic, ih, iw, oc, kernel, stride;
  bool residual;

  int padding() const { return kernel / 2; }
  int out(int side) const { return (side + 2 * padding() - kernel) / stride + 1; }
  int k() const { return kernel * kernel * ic; }
  ConvSpec spec() const { return {"conv", "bn", ic, oc, kernel, stride, padding()}; }
};

std::string describe(const ConvCase& c) {
  return std::to_string(c.n) + "x" + std::to_string(c.ic) + "x" + std::to_string(c.ih) + "x" +
         std::to_string(c.iw) + " to " + std::to_string(c.oc) + ", kernel " + std::to_string(c.kernel) +
         ", stride " + std::to_string(c.stride) + (c.residual ? ", residual" : "");
}

// Single pixels, ragged and prime sides, channels that fill no tile of 128, sums short and long.
constexpr ConvCase kSmall[] = {
    {1, 64, 1, 1, 64, 1, 1, false},    {1, 64, 1, 1, 64, 3, 1, true},     {2, 64, 5, 7, 128, 3, 1, false},
    {3, 128, 9, 11, 64, 3, 2, false},  {1, 192, 15, 13, 192, 3, 1, true}, {5, 320, 7, 7, 320, 1, 1, true},
    {1, 320, 2, 3, 64, 3, 2, false},   {4, 64, 14, 15, 320, 1, 2, false}, {2, 512, 7, 7, 128, 3, 1, true},
    {1, 2048, 3, 2, 192, 1, 1, false}, {9, 128, 4, 1, 128, 3, 1, true},   {7, 192, 1, 15, 64, 1, 1, false},
    {1, 256, 13, 13, 64, 1, 2, false}, {3, 64, 57, 56, 64, 3, 1, true},   {2, 64, 5, 61, 64, 3, 1, true},
    {1, 64, 3, 62, 64, 3, 1, false},
};
// More tiles than the GPU holds at once.
constexpr ConvCase kLarge[] = {
    {70, 64, 15, 15, 64, 3, 1, true},   {80, 256, 15, 14, 192, 1, 1, true},
    {64, 256, 15, 15, 256, 3, 1, true}, {90, 128, 15, 15, 320, 3, 2, false},
    {12, 64, 56, 56, 64, 3, 1, true},
};

// A row of a family's table of kernels, and into how many parts k is split.
struct Subject {
  cuda::Family family;
  Precision precision;
  int tile;   // sm90: a TileShape
  int split;  // over the blocks of a cluster; other families: chunks
  bool spread = false;

  cuda::sm90::Choice sm90() const { return {static_cast<TileShape>(tile), split}; }
  const cuda::gathered::Kernel& kernel() const {
    return cuda::gathered::kernels_of(family, precision)[static_cast<std::size_t>(tile)];
  }
  cuda::gathered::Choice choice() const { return {&kernel(), split, spread}; }

  // Whether the plans would ever run a layer so.
  bool suits(const ConvCase& c) const {
    if (family != cuda::Family::sm90)
      return split <= c.k() * cuda::element_bytes_of(precision) / kernel().piece_bytes;
    const auto* gemm = find_gemm_kernel(precision, sm90().shape, cuda::sm90::row_bytes_of(precision, c.ic));
    return possible(precision, sm90(), c.spec()) && (gemm->tile_n == 64 || c.oc > 64);
  }
};

// Of the largest expected value: the rounding of operands and result to the format, and of the sums. Integers
// are exact.
double tolerance_of(Precision precision) {
  return precision == Precision::fp32   ? 5e-6
         : precision == Precision::fp16 ? 2e-3
         : precision == Precision::bf16 ? 1.6e-2
                                        : 0;
}

// A convolution's operands. Those of int8 are whole numbers of its ranges, small enough for fp32 to hold
// every sum exactly: u8 activations, weights from -7 to 7, a shortcut of u8 or s8, and `shift` to be added
// before the scale.
struct Operands {
  Operands(const ConvCase& c, bool int8, bool signed_residual)
      : residual_signed(signed_residual),
        input(random_values(std::int64_t{c.n} * c.ic * c.ih * c.iw, 1)),
        weight(random_values(std::int64_t{c.oc} * c.k(), 2)),
        scale(random_values(c.oc, 3)),
        shift(random_values(c.oc, 4)),
        residual(random_values(std::int64_t{c.n} * c.oc * c.out(c.ih) * c.out(c.iw), 5)) {
    const float root = std::sqrt(static_cast<float>(c.k()));
    for (float& s : scale) s = (s + 1.5f) / root * (int8 ? 0.2f : 1.0f);
    if (!int8) return;
    for (float& v : input) v = std::floor((v + 1) * 128);
    for (float& v : residual) v = std::floor((v + 1) * 128) - (residual_signed ? 128.0f : 0.0f);
    for (float& v : weight) v = std::rint(v * 7);
    for (float& v : shift) v = std::rint(v * 1000 * root);
  }
  bool residual_signed;
  std::vector<float> input, weight, scale, shift, residual;

  // As u8, for s8 has no way onto the device of its own.
  std::vector<float> residual_bytes() const {
    std::vector<float> bytes = residual;
    for (float& v : bytes) v += v < 0 ? 256.0f : 0.0f;
    return bytes;
  }
};
constexpr float kResidualMultiplier = 0.7f;  // int8

std::uint16_t to_half(float value) {
  return __half_as_ushort(__float2half_rn(value));
}

cuda::DeviceBuffer<float> channels(std::vector<float> values) {
  values.resize((values.size() + kPaddedChannels - 1) / kPaddedChannels * kPaddedChannels);
  return cuda::upload(std::span<const float>(values));
}

// f(place in the packed row of k, output channel, weight) for every weight.
template <class F>
void each_weight(const ConvCase& c, const std::vector<float>& oihw, const F& f) {
  std::size_t next = 0;
  for (int o = 0; o < c.oc; ++o) {
    for (int i = 0; i < c.ic; ++i) {
      for (int t = 0; t < c.kernel * c.kernel; ++t)
        f(static_cast<std::size_t>(o) * static_cast<std::size_t>(c.k()) +
              static_cast<std::size_t>(t * c.ic + i),
          o, oihw[next++]);
    }
  }
}

// As src/cuda/layers.hpp describes it, each channel's weights multiplied by a power of two of the test's own
// choice, which its scale takes back.
cuda::Layer pack_float(const ConvCase& c, Precision precision, const Operands& x) {
  const bool bf16 = precision == Precision::bf16, split = precision == Precision::fp32;
  const std::size_t plane = x.weight.size();
  std::vector<std::uint16_t> packed(plane * (split ? 2 : 1));
  std::vector<float> scale(x.scale);
  const auto power_of = [&](int o) { return bf16 ? 1.0f : std::ldexp(1.0f, 8 + o % 3); };
  for (int o = 0; o < c.oc; ++o) scale[static_cast<std::size_t>(o)] /= power_of(o);
  each_weight(c, x.weight, [&](std::size_t at, int o, float weight) {
    const float w = weight * power_of(o);
    packed[at] = bf16 ? __bfloat16_as_ushort(__float2bfloat16_rn(w)) : to_half(w);
    if (split) packed[at + plane] = to_half(w - __half2float(__float2half_rn(w)));
  });
  return {.spec = c.spec(),
          .k = c.k(),
          .rows = c.oc,
          .weights = cuda::upload(std::as_bytes(std::span<const std::uint16_t>(packed))),
          .scale = channels(scale),
          .shift = channels(x.shift)};
}

cuda::Layer pack_int8(const ConvCase& c, cuda::Family family, const Operands& x) {
  std::vector<std::int8_t> packed(x.weight.size());
  const auto k = static_cast<std::size_t>(c.k());
  each_weight(c, x.weight, [&](std::size_t at, int o, float w) {
    packed[cuda::int8_row(family, static_cast<std::size_t>(o)) * k + at % k] = static_cast<std::int8_t>(w);
  });
  std::vector<float> bias;
  for (const float s : x.shift) {
    const auto whole = static_cast<std::int32_t>(s);
    std::memcpy(&bias.emplace_back(), &whole, sizeof whole);
  }
  return {.spec = c.spec(),
          .k = c.k(),
          .rows = c.oc,
          .weights = cuda::upload(std::as_bytes(std::span<const std::int8_t>(packed))),
          .scale = channels(x.scale),
          .shift = channels(bias)};
}

// A tensor on the device. Its memory is NaN until something is written.
struct DeviceTensor {
  DeviceTensor(Precision precision, int n, int h, int w, int c)
      : x{nullptr, n, h, w, c},
        memory(cuda::upload(
            std::span<const std::byte>(std::vector<std::byte>(x.bytes(precision), std::byte{0xFF})))) {
    x.data = memory.data();
  }
  cuda::Activation x;
  cuda::DeviceBuffer<std::byte> memory;
};

DeviceTensor on_device(Precision precision, const std::vector<float>& nchw, int n, int h, int w, int c) {
  DeviceTensor tensor(precision, n, h, w, c);
  const auto from = cuda::upload(std::span<const float>(nchw));
  const cuda::Stream stream;
  cuda::enter(precision, from.data(), 1, tensor.x, stream.get());
  stream.synchronize();
  return tensor;
}

std::vector<float> on_host(Precision precision, const cuda::Activation& x, cudaStream_t stream) {
  std::vector<float> values(x.elements());
  const cuda::DeviceBuffer<float> plain(values.size());
  cuda::leave(precision, x, 1, plain.data(), stream);
  cuda::copy_bytes(values.data(), plain.data(), plain.bytes(), stream);
  RESNET_CUDA_CHECK(cudaStreamSynchronize(stream));
  return values;
}

std::vector<float> compute_reference(const ConvCase& c, const Operands& x, bool int8) {
  const int oh = c.out(c.ih), ow = c.out(c.iw), plane = oh * ow;
  std::vector<float> y(static_cast<std::size_t>(c.n * c.oc * plane));
  reference::conv2d({.n = c.n,
                     .ic = c.ic,
                     .ih = c.ih,
                     .iw = c.iw,
                     .oc = c.oc,
                     .kernel = c.kernel,
                     .stride = c.stride,
                     .padding = c.padding()},
                    x.input.data(), x.weight.data(), y.data(), available_threads());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t channel = i / static_cast<std::size_t>(plane) % static_cast<std::size_t>(c.oc);
    const float scale = x.scale[channel], shift = x.shift[channel];
    if (int8) {
      const auto sum = static_cast<std::int32_t>(y[i] + shift);
      y[i] =
          static_cast<float>(c.residual ? requantize_add(sum, scale, static_cast<std::int32_t>(x.residual[i]),
                                                         kResidualMultiplier, kUnsignedRange)
                                        : requantize(sum, scale, kUnsignedRange));
    } else {
      y[i] = std::fmax(y[i] * scale + shift + (c.residual ? x.residual[i] : 0.0f), 0.0f);
    }
  }
  return y;
}

// Computed once a case, because the loops of the reference are slow.
const std::vector<float>& reference(const ConvCase& c, const Operands& x, bool int8) {
  static std::map<std::tuple<std::string, bool, bool>, std::vector<float>> known;
  const auto key = std::tuple(describe(c), int8, x.residual_signed);
  auto it = known.find(key);
  if (it == known.end()) it = known.emplace(key, compute_reference(c, x, int8)).first;
  return it->second;
}

struct Result {
  std::string kernel;
  std::vector<float> values;  // NCHW
};

Result compute(const Subject& subject, const ConvCase& c, const Operands& operands) {
  const Precision precision = subject.precision;
  const bool int8 = precision == Precision::int8;
  const int oh = c.out(c.ih), ow = c.out(c.iw);
  const cuda::Layer layer =
      int8 ? pack_int8(c, subject.family, operands) : pack_float(c, precision, operands);
  const DeviceTensor x = on_device(precision, operands.input, c.n, c.ih, c.iw, c.ic);
  const DeviceTensor shortcut =
      on_device(precision, int8 ? operands.residual_bytes() : operands.residual, c.n, oh, ow, c.oc);
  const DeviceTensor y(precision, c.n, oh, ow, c.oc);
  const cuda::Epilogue epilogue{.relu = true,
                                .residual = c.residual ? &shortcut.x : nullptr,
                                .residual_signed = operands.residual_signed,
                                .residual_multiplier = kResidualMultiplier};
  cuda::DeviceBuffer<std::byte> scratch;
  cuda::ConvolutionPointer convolution;
  if (subject.family == cuda::Family::sm90) {
    convolution =
        std::make_unique<cuda::sm90::Convolution>(precision, subject.sm90(), layer, x.x, y.x, epilogue);
  } else {
    const std::vector<std::byte> zeros(cuda::gathered::scratch_bytes(subject.choice(), c.oc, y.x.pixels()));
    scratch = cuda::upload(std::span<const std::byte>(zeros));
    convolution = std::make_unique<cuda::gathered::Convolution>(
        cuda::ConvolutionKind{subject.family, precision, Plan::latency}, subject.choice(), layer, x.x, y.x,
        epilogue, scratch.data());
  }
  const cuda::Stream stream;
  // Twice: what a launch leaves behind in its scratch memory must serve the next.
  for (int i = 0; i < 2; ++i) convolution->run(stream.get());
  return {convolution->kernel_name(), on_host(precision, y.x, stream.get())};
}

void compare(const Subject& subject, const ConvCase& c, bool residual_signed) {
  const bool int8 = subject.precision == Precision::int8;
  const Operands operands(c, int8, residual_signed);
  const std::vector<float>& expected = reference(c, operands, int8);
  const auto [kernel, ours] = compute(subject, c, operands);

  const std::string name = kernel + ": " + describe(c);
  double largest = 0, worst = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::fmax(largest, static_cast<double>(expected[i]));
    const double difference = std::fabs(static_cast<double>(ours[i]) - static_cast<double>(expected[i]));
    if (!(difference <= worst)) worst = difference, where = i;
  }
  EXPECT_GT(largest, 0) << name;
  EXPECT_LE(worst, tolerance_of(subject.precision) * largest)
      << name << " at " << where << ": " << ours[where] << ", expected " << expected[where];
}

void compare(const Subject& subject, std::span<const ConvCase> cases) {
  for (const ConvCase& c : cases) {
    if (!subject.suits(c)) continue;
    compare(subject, c, false);
    if (subject.precision == Precision::int8 && c.residual) compare(subject, c, true);
  }
}

class CudaConvolution : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    RESNET_REQUIRE_GPU();
    const auto& families = cuda::devices().devices.front().families;
    if (std::find(families.begin(), families.end(), GetParam().family) == families.end())
      GTEST_SKIP() << "needs a GPU for the kernels " << to_string(GetParam().family);
  }
};

TEST_P(CudaConvolution, SmallLayersEqualTheReference) {
  compare(GetParam(), kSmall);
}

class CudaManyTiles : public CudaConvolution {};

TEST_P(CudaManyTiles, EqualTheReference) {
  compare(GetParam(), kLarge);
}

class CudaTiles : public CudaConvolution {};

// The numeric contract: within a family and split, neither the tile nor who adds up the chunks changes a bit.
TEST_P(CudaTiles, TheTileChangesNoBit) {
  const Subject& subject = GetParam();
  const int last =
      subject.family == cuda::Family::sm90
          ? static_cast<int>(TileShape::m64n64)
          : static_cast<int>(cuda::gathered::kernels_of(subject.family, subject.precision).size()) - 1;
  const Subject other{subject.family, subject.precision, last, subject.split, false};
  for (const ConvCase& c : kSmall) {
    if (!subject.suits(c)) continue;
    const Operands operands(c, subject.precision == Precision::int8, false);
    const auto [kernel, values] = compute(subject, c, operands);
    EXPECT_TRUE(values == compute(other, c, operands).values) << kernel;
  }
}

class CudaPairs : public CudaConvolution {};

// A block's first convolution and its shortcut in one launch have the bits of two.
TEST_P(CudaPairs, HaveTheBitsOfTwoLaunches) {
  const Subject& subject = GetParam();
  const Precision precision = subject.precision;
  const bool int8 = precision == Precision::int8;
  for (const int shortcut_split : {1, subject.split}) {
    if (shortcut_split > 8) continue;  // more blocks than stages of its k
    for (const int n : {1, 3, 40}) {
      const ConvCase c{n, 1024, 13, 11, 192, 3, 2, false}, s{n, 1024, 13, 11, 320, 1, 2, false};
      const cuda::sm90::Choice first{TileShape::m64n64_cluster, subject.split},
          second{TileShape::m64n64_cluster, shortcut_split};
      const Operands of_c(c, int8, false), of_s(s, int8, false);
      const auto pack = [&](const ConvCase& of, const Operands& operands) {
        return int8 ? pack_int8(of, subject.family, operands) : pack_float(of, precision, operands);
      };
      const cuda::Layer path = pack(c, of_c), shortcut = pack(s, of_s);
      const DeviceTensor x = on_device(precision, of_c.input, n, c.ih, c.iw, c.ic);
      const DeviceTensor y(precision, n, c.out(c.ih), c.out(c.iw), c.oc),
          y_alone(precision, n, c.out(c.ih), c.out(c.iw), c.oc),
          z(precision, n, s.out(s.ih), s.out(s.iw), s.oc),
          z_alone(precision, n, s.out(s.ih), s.out(s.iw), s.oc);
      const cuda::Stream stream;
      using cuda::sm90::Convolution;
      Convolution(precision, first, path, x.x, y_alone.x, {.relu = true}).run(stream.get());
      Convolution(precision, second, shortcut, x.x, z_alone.x, {}).run(stream.get());
      Convolution(precision, first, path, x.x, y.x, {.relu = true})
          .run_with(Convolution(precision, second, shortcut, x.x, z.x, {}), stream.get());
      EXPECT_TRUE(on_host(precision, y.x, stream.get()) == on_host(precision, y_alone.x, stream.get())) << n;
      EXPECT_TRUE(on_host(precision, z.x, stream.get()) == on_host(precision, z_alone.x, stream.get())) << n;
    }
  }
}

// sm90's, at any length of a stage's rows.
bool has(Precision precision, TileShape shape) {
  return cuda::sm90::find_gemm_kernel(precision, shape, 128) != nullptr ||
         cuda::sm90::find_gemm_kernel(precision, shape, 64) != nullptr;
}

std::vector<Subject> subjects() {
  std::vector<Subject> all;
  for (const Precision precision : {Precision::fp32, Precision::fp16, Precision::bf16, Precision::int8}) {
    for (const TileShape shape :
         {TileShape::m256n128, TileShape::m192n128, TileShape::m256n64, TileShape::m128n128,
          TileShape::m128n64, TileShape::m64n64, TileShape::resident}) {
      if (has(precision, shape)) all.push_back({cuda::Family::sm90, precision, static_cast<int>(shape), 1});
    }
    for (const int split : {1, 2, 3, 8, 16})
      all.push_back({cuda::Family::sm90, precision, static_cast<int>(TileShape::m64n64_cluster), split});
    for (const cuda::Family family : {cuda::Family::mma, cuda::Family::simt}) {
      const auto kernels = cuda::gathered::kernels_of(family, precision);
      for (int tile = 0; tile < static_cast<int>(kernels.size()); ++tile) {
        all.push_back({family, precision, tile, 1});
        if (!kernels[static_cast<std::size_t>(tile)].chunks) continue;
        for (const int chunks : {2, 3, 8}) {
          for (const bool spread : {false, true}) all.push_back({family, precision, tile, chunks, spread});
        }
      }
    }
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Subject>& of) {
  const Subject& s = of.param;
  const std::string tile = s.family == cuda::Family::sm90 ? std::string(to_string(s.sm90().shape))
                                                          : "tile" + std::to_string(s.tile);
  return std::string(to_string(s.family)) + "_" + std::string(to_string(s.precision)) + "_" + tile +
         "_split" + std::to_string(s.split) + (s.spread ? "_spread" : "");
}

bool is_sm90(const Subject& s) {
  return s.family == cuda::Family::sm90;
}

auto subjects_that(bool (*suit)(const Subject&)) {
  std::vector<Subject> some = subjects();
  std::erase_if(some, [&](const Subject& s) { return !suit(s); });
  return testing::ValuesIn(some);
}

// Chunks are for few tiles.
bool suits_many_tiles(const Subject& s) {
  return is_sm90(s) || s.split == 1;
}

// Of sm90's kernels one alone splits k.
bool has_other_tiles(const Subject& s) {
  return !is_sm90(s) || s.split == 1;
}

bool is_for_few_pixels(const Subject& s) {
  return is_sm90(s) && s.sm90().shape == TileShape::m64n64_cluster;
}

INSTANTIATE_TEST_SUITE_P(All, CudaConvolution, testing::ValuesIn(subjects()), name_of);
INSTANTIATE_TEST_SUITE_P(All, CudaManyTiles, subjects_that(suits_many_tiles), name_of);
INSTANTIATE_TEST_SUITE_P(All, CudaTiles, subjects_that(has_other_tiles), name_of);
INSTANTIATE_TEST_SUITE_P(All, CudaPairs, subjects_that(is_for_few_pixels), name_of);

}  // namespace
}  // namespace resnet
