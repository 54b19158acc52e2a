#include "quant/quantize.hpp"

#include "support/random_values.hpp"
#include "support/session_run.hpp"
#include "support/temporary_directory.hpp"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include <resnet/error.hpp>
#include <resnet/quantization.hpp>

namespace resnet::quant {
namespace {

constexpr int kClasses = 10, kSide = 48;

// Normalised tensors of random pixels.
std::vector<float> picture(const Model& model, std::uint64_t seed, std::int64_t count = 1) {
  const std::int64_t plane = kSide * kSide;
  std::vector<float> values = test::random_values(count * 3 * plane, seed);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / static_cast<std::size_t>(plane) % 3;
    const float pixel = std::nearbyint((values[i] + 1) * 127.5f);
    values[i] = (pixel / 255.0f - model.preprocess.mean[c]) / model.preprocess.std[c];
  }
  return values;
}

CalibrationData calibration(const Model& model) {
  return [&model](const std::function<void(std::span<const float>, const Shape&)>& visit) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) visit(picture(model, seed), Shape{1, 3, kSide, kSide});
  };
}

SessionOptions on_reference(int threads = 2) {
  SessionOptions options;
  options.backend = "reference";
  options.threads = threads;
  options.height = options.width = kSide;
  return options;
}

class QuantizeTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    model_ = std::make_unique<Model>(make_random_model(GetParam(), kClasses, 7));
    network_ = std::make_unique<QuantizedNetwork>(quantize(*model_, calibration(*model_), {.threads = 2}));
  }
  std::unique_ptr<Model> model_;
  std::unique_ptr<QuantizedNetwork> network_;
};

std::string depth_name(const testing::TestParamInfo<int>& depth) {
  return "resnet" + std::to_string(depth.param);
}

TEST_P(QuantizeTest, ComputesWhatTheFloatsComputeButForSomeNoise) {
  const Session exact(*model_, on_reference()), integer(network_->model, on_reference());
  EXPECT_EQ(integer.options().precision, Precision::int8);
  const Shape shape{1, 3, kSide, kSide};
  double signal = 0, noise = 0;
  for (std::uint64_t seed = 20; seed < 24; ++seed) {
    const std::vector<float> input = picture(*model_, seed);
    const std::vector<float> a = test::run(exact, input, shape), b = test::run(integer, input, shape);
    double mean = 0;
    for (const float x : a) mean += static_cast<double>(x) / kClasses;
    for (std::size_t i = 0; i < a.size(); ++i) {
      signal += std::pow(static_cast<double>(a[i]) - mean, 2);
      noise += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    }
  }
  EXPECT_GT(10 * std::log10(signal / noise), 15.0) << "decibels of signal to noise";
}

TEST_P(QuantizeTest, TheBitsDependOnNeitherThreadsNorBatchNorCut) {
  const Shape one{1, 3, kSide, kSide}, three{3, 3, kSide, kSide};
  const std::vector<float> input = picture(*model_, 30, 3);
  const Session session(network_->model, on_reference(1));
  const std::vector<float> logits = test::run(session, input, three);
  EXPECT_EQ(test::run(Session(network_->model, on_reference(3)), input, three), logits);
  const std::vector<float> second(input.begin() + 3 * kSide * kSide, input.begin() + 2 * 3 * kSide * kSide);
  const std::vector<float> alone = test::run(session, second, one);
  EXPECT_EQ(alone, std::vector<float>(logits.begin() + kClasses, logits.begin() + 2 * kClasses));
  for (int cut = 4; cut <= model_->architecture.head(); cut += 3) {
    SessionOptions front = on_reference(), back = on_reference();
    front.end = back.begin = cut;
    const Session a(network_->model, front), b(network_->model, back);
    EXPECT_EQ(test::run(b, test::run(a, input, three), a.output_shape(three)), logits) << "cut at " << cut;
  }
}

TEST_P(QuantizeTest, SameModelSamePicturesSameBytes) {
  const QuantizedNetwork again = quantize(*model_, calibration(*model_), {.threads = 1});
  for (const auto& [name, tensor] : network_->model.tensors) {
    const Tensor& other = again.model.tensor(name);
    ASSERT_EQ(tensor.bytes(), other.bytes());
    EXPECT_EQ(std::memcmp(tensor.data(), other.data(), tensor.bytes()), 0) << name;
  }
}

TEST_P(QuantizeTest, TheFileGivesTheSameModelBack) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "m8.safetensors";
  save_model(network_->model, path, ModelFormat::safetensors);
  const Model back = load_model(path);
  EXPECT_EQ(back.precision, Precision::int8);
  EXPECT_EQ(back.architecture.name(), model_->architecture.name());
  EXPECT_EQ(back.labels, network_->model.labels);
  EXPECT_EQ(back.preprocess, network_->model.preprocess);
  for (const TensorSpec& spec : quantized_tensors(back.architecture)) {
    const Tensor &a = network_->model.tensor(spec.name), &b = back.tensor(spec.name);
    ASSERT_EQ(b.dtype(), spec.dtype);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0) << spec.name;
  }
  EXPECT_THROW(save_model(back, directory.path() / "m8.pth", ModelFormat::pth), Error);
  EXPECT_THROW(quantize(back, calibration(back), {}), Error);
}

INSTANTIATE_TEST_SUITE_P(Depths, QuantizeTest, testing::Values(18, 50), depth_name);

// What a test changes in a sound quantised ResNet-18, and the words that the refusal must have.
template <class T>
Tensor changed(const Tensor& tensor, std::size_t at, T value) {
  auto bytes = std::make_shared<std::vector<std::byte>>(tensor.data(), tensor.data() + tensor.bytes());
  std::memcpy(bytes->data() + at * sizeof(T), &value, sizeof(T));
  const std::byte* data = bytes->data();
  return Tensor::view(tensor.dtype(), tensor.shape(), data, std::move(bytes), false);
}

TEST(QuantizedModel, ValuesThatBreakARuleAreRefusedByName) {
  const Model model = make_random_model(18, kClasses, 7);
  const Model sound = quantize(model, calibration(model), {}).model;
  const auto refusal = [&](const std::string& name, const Tensor& tensor) {
    Model broken = sound;
    broken.tensors[name] = tensor;
    try {
      validate(broken);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto tensor = [&](const char* name) { return sound.tensor(name); };
  EXPECT_NE(refusal("conv1.weight", changed(tensor("conv1.weight"), 3, std::int8_t{-128}))
                .find("conv1, output channel 0"),
            std::string::npos);
  EXPECT_NE(
      refusal("layer1.0.conv1.bias", changed(tensor("layer1.0.conv1.bias"), 2, INT32_MIN)).find("channel 2"),
      std::string::npos);
  EXPECT_NE(refusal("fc.multiplier", changed(tensor("fc.multiplier"), 1, 0.0f)).find("2^-40"),
            std::string::npos);
  EXPECT_NE(refusal("fc.multiplier", changed(tensor("fc.multiplier"), 1, NAN)).find("2^-40"),
            std::string::npos);
  EXPECT_NE(refusal("layer4.1.conv2.multiplier", changed(tensor("layer4.1.conv2.multiplier"), 0, 1e6f))
                .find("2^30"),
            std::string::npos);
  EXPECT_NE(refusal("layer2.0.residual_multiplier", changed(tensor("layer2.0.residual_multiplier"), 0, -1.0f))
                .find("layer2.0.residual_multiplier"),
            std::string::npos);
  EXPECT_NE(refusal("fc.bias", Tensor::from(Shape{kClasses}, std::vector<float>(kClasses))).find("fc.bias"),
            std::string::npos);
}

TEST(QuantizedModel, PrecisionsThatDoNotFitAreErrors) {
  const Model model = make_random_model(18, kClasses, 7);
  const Model quantized = quantize(model, calibration(model), {}).model;
  SessionOptions options = on_reference();
  options.precision = Precision::int8;
  EXPECT_THROW(Session(model, options), Error);
  options.precision = Precision::fp32;
  EXPECT_THROW(Session(quantized, options), Error);
  options.precision.reset();
  options.end = 2;  // inside the stem
  EXPECT_THROW(Session(quantized, options), Error);
  EXPECT_THROW(quantize(model, [](const auto&) {}, {}), Error);
}

}  // namespace
}  // namespace resnet::quant
