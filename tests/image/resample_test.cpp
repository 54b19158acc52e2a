#include "image/resample.hpp"

#include "core/cpu_features.hpp"
#include "image/decoders.hpp"

#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/preprocess.hpp>

namespace resnet::image {
namespace {

Image noise(int width, int height, std::uint32_t seed) {
  std::mt19937 random(seed);
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  // A third black, a third white: edges make the cubic overshoot, which must be clipped.
  for (std::uint8_t& value : image.rgb) {
    const auto r = static_cast<std::uint32_t>(random());
    value = r % 3 == 0 ? 0 : r % 3 == 1 ? 255 : static_cast<std::uint8_t>(r >> 24);
  }
  return image;
}

std::vector<std::uint8_t> resized(const ResampleKernels& kernels, const Image& in, Size out,
                                  Interpolation interpolation) {
  const ResampleAxis columns = make_axis(in.width, out.width, 0, out.width, interpolation);
  const ResampleAxis rows = make_axis(in.height, out.height, 0, out.height, interpolation);
  // A guard behind the picture shows a kernel that writes too far.
  const std::size_t size = static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) * 3;
  std::vector<std::uint8_t> bytes(size + 64, 0xa5);
  resample(kernels, in, 0, 0, columns, rows, bytes.data(), static_cast<std::size_t>(out.width) * 3);
  for (std::size_t i = size; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], 0xa5) << "written behind the picture";
  bytes.resize(size);
  return bytes;
}

TEST(Resample, EveryInstructionSetGivesTheSameBytes) {
  const ResampleKernels* avx2 = cpu_features().avx2_fma ? avx2_resample_kernels() : nullptr;
  if (avx2 == nullptr) GTEST_SKIP() << "needs AVX2";
  const int sides[] = {1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 64, 101, 224, 341};
  for (const int in_width : sides) {
    for (const int out_width : sides) {
      const Image in = noise(in_width, 23, static_cast<std::uint32_t>(in_width * 1000 + out_width));
      for (const Interpolation interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
        const Size across{23, out_width};
        EXPECT_EQ(resized(*avx2, in, across, interpolation),
                  resized(portable_resample_kernels(), in, across, interpolation))
            << fmt::format("{}x23 to {}x23", in_width, out_width);
        const Size both{out_width / 3 + 1, out_width};
        EXPECT_EQ(resized(*avx2, in, both, interpolation),
                  resized(portable_resample_kernels(), in, both, interpolation))
            << fmt::format("{}x23 to {}x{}", in_width, both.width, both.height);
      }
    }
  }
}

TEST(Resample, BestKernelsAreAvx2WhereTheProcessorHasIt) {
  const bool avx2 = cpu_features().avx2_fma && avx2_resample_kernels() != nullptr;
  EXPECT_STREQ(best_resample_kernels().isa, avx2 ? "avx2" : "portable");
}

TEST(Resample, PartOfAPictureEqualsThatPartOfTheWhole) {
  const Image in = noise(97, 61, 7);
  const Size out{45, 40};
  const std::vector<std::uint8_t> all = resized(portable_resample_kernels(), in, out, Interpolation::bicubic);
  const ResampleAxis columns = make_axis(97, 40, 11, 30, Interpolation::bicubic);
  const ResampleAxis rows = make_axis(61, 45, 5, 44, Interpolation::bicubic);
  std::vector<std::uint8_t> part(static_cast<std::size_t>(19 * 39 * 3));
  resample(best_resample_kernels(), in, 0, 0, columns, rows, part.data(), 19 * 3);
  for (int y = 0; y < 39; ++y) {
    for (int x = 0; x < 19 * 3; ++x) {
      ASSERT_EQ(part[static_cast<std::size_t>(y * 57 + x)],
                all[static_cast<std::size_t>((y + 5) * 120 + 33 + x)]);
    }
  }
}

TEST(Resample, ABoxOfTheWholeAxisIsTheAxis) {
  for (const int out : {1, 30, 61, 200}) {
    const ResampleAxis whole = make_axis(61, out, 0, out, Interpolation::bilinear);
    const ResampleAxis box = make_axis(61, 0, 61, out, 0, out, Interpolation::bilinear);
    EXPECT_EQ(whole.weights, box.weights);
    EXPECT_EQ(whole.identity, box.identity);
  }
}

TEST(Resample, ABoxAsLargeAsTheOutputIsCopied) {
  const Image in = noise(50, 40, 3);
  const ResampleAxis columns = make_axis(50, 7, 37, 30, 0, 30, Interpolation::bilinear);
  const ResampleAxis rows = make_axis(40, 5, 25, 20, 0, 20, Interpolation::bilinear);
  EXPECT_TRUE(columns.identity && rows.identity);
  std::vector<std::uint8_t> out(30 * 20 * 3);
  resample(best_resample_kernels(), in, 0, 0, columns, rows, out.data(), 30 * 3);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 90; ++x)
      ASSERT_EQ(out[static_cast<std::size_t>(y * 90 + x)], in.row(y + 5)[7 * 3 + x]);
  }
}

TEST(Resample, AConstantPictureStaysConstant) {
  for (const int value : {0, 1, 127, 254, 255}) {
    Image in = noise(53, 19, 1);
    for (std::uint8_t& v : in.rgb) v = static_cast<std::uint8_t>(value);
    for (const std::uint8_t v : resized(best_resample_kernels(), in, {64, 11}, Interpolation::bicubic))
      ASSERT_EQ(v, value);
  }
}

TEST(Preprocess, SizeOfTheTensor) {
  EXPECT_EQ(preprocessed_size({}, {375, 500}), (Size{224, 224}));
  Preprocess no_crop;
  no_crop.center_crop.reset();
  EXPECT_EQ(preprocessed_size(no_crop, {375, 500}), (Size{256, 341}));
  EXPECT_EQ(preprocessed_size(no_crop, {500, 375}), (Size{341, 256}));
  no_crop.resize_mode = ResizeMode::exact;
  no_crop.resize = {32, 48};
  EXPECT_EQ(preprocessed_size(no_crop, {500, 375}), (Size{32, 48}));
}

ErrorCode code_of(const Preprocess& preprocess, Size picture) {
  try {
    preprocessed_size(preprocess, picture);
  } catch (const Error& error) {
    return error.code();
  }
  throw std::logic_error("no error");
}

TEST(Preprocess, RefusesSizesThatMakeNoSense) {
  Preprocess p;
  p.resize.height = 0;
  EXPECT_EQ(code_of(p, {10, 10}), ErrorCode::invalid_argument);
  p = {};
  p.center_crop = Size{0, 5};
  EXPECT_EQ(code_of(p, {10, 10}), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of({}, {0, 10}), ErrorCode::invalid_argument);
  p = {};
  p.center_crop.reset();
  EXPECT_EQ(code_of(p, {1, 100'000'000}), ErrorCode::too_large);
  EXPECT_EQ(code_of(p, {10'000'000, 1}), ErrorCode::too_large);
}

TEST(Preprocess, RefusesAStandardDeviationOfZero) {
  Preprocess p;
  p.std[1] = 0;
  std::vector<float> chw(3 * 224 * 224);
  EXPECT_THROW(preprocess_image(noise(30, 30, 3), p, chw.data()), Error);
}

TEST(Preprocess, RefusesAWindowThatHoldsTooLittle) {
  ImageWindow window{.full = {500, 500}, .left = 0, .top = 0, .pixels = noise(100, 500, 4)};
  std::vector<float> chw(3 * 224 * 224);
  EXPECT_THROW(preprocess_image(window, {}, chw.data()), Error);
}

}  // namespace
}  // namespace resnet::image
