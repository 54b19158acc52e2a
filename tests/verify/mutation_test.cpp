// The check can fail: every kind of mistake that an implementation makes is caught, at the module where it
// was made, and nowhere before.
#include "cpu/reference/ops.hpp"
#include "verify/photo_input.hpp"
#include "verify/verify_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <resnet/image.hpp>

namespace resnet::verify {
namespace {

class Mutation : public VerifyFixture {
 protected:
  // The model with one tensor replaced by change(value, index) of its values.
  template <class Change>
  Model with_tensor(const std::string& name, const Change& change) const {
    Model mutant = model_;
    const Tensor& tensor = model_.tensor(name);
    std::vector<float> values(tensor.f32().begin(), tensor.f32().end());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = change(values[i], i);
    mutant.tensors.insert_or_assign(name, Tensor::adopt(tensor.shape(), std::move(values)));
    return mutant;
  }

  std::size_t largest_weight(const std::string& name) const {
    const auto values = model_.tensor(name).f32();
    return static_cast<std::size_t>(
        std::max_element(values.begin(), values.end(),
                         [](float a, float b) { return std::abs(a) < std::abs(b); }) -
        values.begin());
  }

  void expect_located(const Model& mutant, const std::string& module) const {
    const Session session = reference_session(mutant);
    expect_located(Subject::of(session), module);
  }

  void expect_located(const Subject& subject, const std::string& module) const {
    const Report report = verify(reference(), subject);
    EXPECT_FALSE(report.ok());
    ASSERT_NE(report.first_bad(), nullptr);
    EXPECT_EQ(report.first_bad()->module, module) << report.first_bad()->reason;
    EXPECT_TRUE(report.first_bad()->first_wrong);
  }

  // A network cut before module k, whose second part sees what `tamper` makes of the first part's output.
  template <class Tamper>
  Subject tampered(const Session& first, const Session& second, const Tamper& tamper) const {
    Subject subject = Subject::of(first);
    subject.end = second.options().end;
    subject.run = [&, tamper](std::span<const float> input, const Shape& shape, std::span<float> output,
                              const Trace* trace) {
      const Shape middle_shape = first.output_shape(shape);
      std::vector<float> middle(static_cast<std::size_t>(middle_shape.numel()));
      first.run(input, shape, middle, trace);
      second.run(tamper(middle, middle_shape), middle_shape, output, trace);
    };
    return subject;
  }
};

// Every plane moved by one pixel to the right and down, zeros coming in: what a convolution reads whose
// padding is one too much at the start and one too little at the end.
std::vector<float> shifted(std::span<const float> values, const Shape& shape) {
  const std::int64_t h = shape[2], w = shape[3];
  std::vector<float> out(values.size(), 0.0f);
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    for (std::int64_t y = 1; y < h; ++y) {
      for (std::int64_t x = 1; x < w; ++x) {
        out[static_cast<std::size_t>((plane * h + y) * w + x)] =
            values[static_cast<std::size_t>((plane * h + y - 1) * w + x - 1)];
      }
    }
  }
  return out;
}

TEST_F(Mutation, TheUnchangedNetworkPasses) {
  const Session session = reference_session(model_);
  const Report report = verify(reference(), Subject::of(session));
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.results.size(), 13u);
  EXPECT_EQ(report.top1_images, 2);
  EXPECT_EQ(report.top1_equal, 2);
  for (const CheckpointResult& r : report.results) EXPECT_EQ(r.difference.max_abs, 0.0) << r.module;
}

// A single number among up to 2.4 million. On random weights and so small an input it changes less than fp32
// rounding may deep inside a block, so it is asked for where a module's output depends on it directly enough;
// golden.mutations asks for it in every convolution of a trained net.
TEST_F(Mutation, OneWeightChangedByOnePercent) {
  const std::pair<const char*, const char*> cases[] = {{"conv1.weight", "conv1"},
                                                       {"layer1.0.conv1.weight", "layer1.0"},
                                                       {"layer1.1.conv2.weight", "layer1.1"},
                                                       {"layer2.0.downsample.0.weight", "layer2.0"},
                                                       {"layer4.0.downsample.0.weight", "layer4.0"},
                                                       {"fc.weight", "head"}};
  for (const auto& [name, module] : cases) {
    SCOPED_TRACE(name);
    const std::size_t index = largest_weight(name);
    expect_located(with_tensor(name, [&](float w, std::size_t i) { return i == index ? w * 1.01f : w; }),
                   module);
  }
}

// Single filters will not do here: on so small an input some are behind a ReLU that lets nothing through.
TEST_F(Mutation, TheWeightsOfAnyConvolutionChangedByOnePercent) {
  const Architecture& a = model_.architecture;
  for (int m = 0; m < a.module_count(); ++m) {
    for (const ConvSpec& conv : a.convolutions(m)) {
      const std::string name = conv.conv + ".weight";
      SCOPED_TRACE(name);
      expect_located(with_tensor(name, [](float w, std::size_t) { return w * 1.01f; }),
                     a.modules()[static_cast<std::size_t>(m)].name);
    }
  }
}

// eps sits beside the variance, so a variance raised by the difference is the same mistake.
TEST_F(Mutation, BatchNormEpsilonOfAThousandth) {
  const auto raised = [](float var, std::size_t) {
    return static_cast<float>(static_cast<double>(var) + 1e-3 - kBatchNormEps);
  };
  expect_located(with_tensor("bn1.running_var", raised), "bn1");
  expect_located(with_tensor("layer1.1.bn2.running_var", raised), "layer1.1");
  expect_located(with_tensor("layer3.0.downsample.1.running_var", raised), "layer3.0");
  expect_located(with_tensor("layer4.1.bn1.running_var", raised), "layer4.1");
}

TEST_F(Mutation, PaddingOffByOneInTheStem) {
  const Session whole = reference_session(model_);
  Subject subject = Subject::of(whole);
  subject.run = [&](std::span<const float> input, const Shape& shape, std::span<float> output,
                    const Trace* trace) { whole.run(shifted(input, shape), shape, output, trace); };
  expect_located(subject, "conv1");
}

TEST_F(Mutation, PaddingOffByOneInABlock) {
  for (const int k : {4, 6, 10}) {  // the first blocks of layer1 and layer2, and layer4.0
    const Session first = reference_session(model_, 0, k), second = reference_session(model_, k, -1);
    expect_located(tampered(first, second,
                            [](std::span<const float> v, const Shape& shape) { return shifted(v, shape); }),
                   model_.architecture.modules()[static_cast<std::size_t>(k)].name);
  }
}

TEST_F(Mutation, AMaxPoolWhosePaddingOfZerosWins) {
  // After ReLU zeros and no padding give the same, so the stem's BatchNorm output takes ReLU's place.
  const reference::MaxPoolParams p{.planes = 1, .ih = 4, .iw = 4, .kernel = 3, .stride = 2, .padding = 1};
  const std::vector<float> plane(16, -1.0f);
  std::vector<float> pooled(4);
  reference::max_pool(p, plane.data(), pooled.data(), 1);
  const std::vector<float> with_zeros{0.0f, 0.0f, 0.0f, -1.0f};
  const CheckpointResult r = judge("maxpool", {1, 1, 2, 2}, with_zeros, pooled, tolerance({}));
  EXPECT_FALSE(r.ok);
}

// A synthetic picture with its input as our preprocessing makes it (which the image tests hold to Pillow's
// bits).
class InputMutation : public Mutation {
 protected:
  InputMutation() {
    picture_.width = 97;
    picture_.height = 83;
    for (const float v : test::random_values(3 * 97 * 83, 5)) {
      picture_.rgb.push_back(static_cast<std::uint8_t>((v + 1) * 127.5f));
    }
    preprocess_.resize = {kHeight, kHeight};
    preprocess_.center_crop = Size{kHeight, kWidth};
    write_reference(reference_session(model_), batch(prepared(preprocess_)), directory_.path());
  }

  std::vector<float> prepared(const Preprocess& preprocess) const {
    std::vector<float> chw(3 * kHeight * kWidth);
    preprocess_image(picture_, preprocess, chw.data());
    return chw;
  }

  static std::vector<float> batch(std::vector<float> chw) {
    const std::vector<float> one = chw;
    chw.insert(chw.end(), one.begin(), one.end());
    return chw;
  }

  Image picture_;
  Preprocess preprocess_;
};

TEST_F(InputMutation, TheUnchangedInputPasses) {
  EXPECT_TRUE(check_input(reference(), batch(prepared(preprocess_)), 0).ok);
}

TEST_F(InputMutation, SwappedMeanAndStd) {
  Preprocess swapped = preprocess_;
  std::swap(swapped.mean, swapped.std);
  const CheckpointResult r = check_input(reference(), batch(prepared(swapped)), 0);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.module, "input");
  ASSERT_TRUE(r.first_wrong);
  EXPECT_EQ(r.first_wrong->index, 0);
}

TEST_F(InputMutation, AnotherInterpolation) {
  Preprocess bicubic = preprocess_;
  bicubic.interpolation = Interpolation::bicubic;
  EXPECT_FALSE(check_input(reference(), batch(prepared(bicubic)), 0).ok);
}

// Resampling that truncates where Pillow rounds is one grey level lower at some pixels.
TEST_F(InputMutation, AnotherResizeRounding) {
  const Image pixels = resize_and_crop(picture_, preprocess_);
  std::vector<float> chw = prepared(preprocess_);
  const std::size_t plane = kHeight * kWidth, pixel = 1234, channel = 1;
  const auto value = static_cast<float>(pixels.rgb[pixel * 3 + channel] - 1);
  chw[channel * plane + pixel] = (value / 255.0f - preprocess_.mean[channel]) / preprocess_.std[channel];
  const CheckpointResult r = check_input(reference(), batch(chw), 0);
  EXPECT_FALSE(r.ok);
  ASSERT_TRUE(r.first_wrong);
  EXPECT_EQ(r.first_wrong->index, static_cast<std::int64_t>(channel * plane + pixel));
}

TEST_F(InputMutation, AnotherCropOffset) {
  Preprocess cropped = preprocess_;
  cropped.resize = {kHeight + 1, kHeight + 1};
  EXPECT_FALSE(check_input(reference(), batch(prepared(cropped)), 0).ok);
  EXPECT_FALSE(check_input(reference(), std::vector<float>(7), 0).ok);
}

}  // namespace
}  // namespace resnet::verify
