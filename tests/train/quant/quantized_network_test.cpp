#include "train/quant/quantized_network.hpp"

#include "quant/quantize.hpp"
#include "train/quant/integer_model.hpp"
#include "train/quant/quant_fixture.hpp"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

TEST(QuantizedNetwork, StartsWithTheRangesOfPostTrainingQuantisation) {
  const auto network = make_network(18, {});
  const torch::Tensor images = pictures(4, 1);
  network->calibrate(images);
  const Model trained = network->export_model(facts());
  const std::vector<float> values(images.data_ptr<float>(), images.data_ptr<float>() + images.numel());
  const Model floats = to_model(network->module(), facts());
  const Model quantized = quant::quantize(floats,
                                          [&](const auto& visit) {
                                            visit(values, Shape{4, 3, kSide, kSide});
                                          },
                                          {})
                              .model;
  for (const TensorSpec& spec : quantized_tensors(floats.architecture)) {
    if (spec.kind != TensorKind::quant_scale) continue;
    const float a = trained.tensor(spec.name).f32()[0], b = quantized.tensor(spec.name).f32()[0];
    EXPECT_NEAR(a, b, 1e-5f * b) << spec.name;
  }
  // The same weights but for ties and channels of no weight; the stem's have a grid of their own.
  const Tensor &a = trained.tensor("layer2.0.conv2.weight"), &b = quantized.tensor("layer2.0.conv2.weight");
  std::int64_t different = 0;
  for (std::size_t i = 0; i < a.bytes(); ++i) different += a.data()[i] != b.data()[i];
  EXPECT_LE(different, a.numel() / 1000);
}

TEST(QuantizedNetwork, EveryParameterLearns) {
  const auto network = make_network(18, {.weight_bits = 4, .activation_bits = 4});
  network->calibrate(pictures(2, 1));
  network->forward(pictures(2, 2)).square().sum().backward();
  for (const TrainedParameter& p : network->trained_parameters()) {
    ASSERT_TRUE(p.value.grad().defined()) << p.name;
    EXPECT_TRUE(torch::isfinite(p.value.grad()).all().item<bool>()) << p.name;
    EXPECT_GT(p.value.grad().abs().sum().item<double>(), 0) << p.name;
    EXPECT_FALSE(p.decayed && p.name.ends_with("_log_step")) << p.name;
  }
}

// Four-bit weights taught by the network in fp32: training finds back much of what rounding lost.
TEST(QuantizedNetwork, TrainingTakesBackWhatRoundingLost) {
  torch::manual_seed(1);
  const auto network = make_network(18, {.weight_bits = 4});
  Network teacher(network->architecture());
  copy_weights(to_model(network->module(), {}), teacher.module());
  teacher.module().eval();
  const torch::Tensor images = pictures(8, 1);
  torch::Tensor goal;
  {
    const torch::NoGradGuard no_gradient;
    goal = teacher.forward(images);
  }
  network->calibrate(images);
  network->module().train();
  RunningStatistics(network->module()).freeze(true);
  std::vector<torch::Tensor> parameters;
  for (const TrainedParameter& p : network->trained_parameters()) parameters.push_back(p.value);
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(0.002).momentum(0.9));
  double first = 0, last = 0;
  for (int i = 0; i < 10; ++i) {
    optimizer.zero_grad();
    const torch::Tensor loss = (network->forward(images) - goal).square().mean();
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (i == 0) first = last;
  }
  EXPECT_LT(last, 0.5 * first);
  // The engine has what was learned.
  network->module().eval();
  EXPECT_LT((network->forward(images) - goal).square().mean().item<double>(), 0.6 * first);
}

TEST(QuantizedNetwork, WeightsOfThreeBitsAreStoredInFour) {
  const auto network = make_network(18, {.weight_bits = 3});
  network->calibrate(pictures(2, 1));
  const Model model = network->export_model(facts());
  EXPECT_EQ(model.quantization.weight_bits, 4);
  const Tensor& weight = model.tensor("layer3.0.conv1.weight");
  const auto* steps = reinterpret_cast<const std::int8_t*>(weight.data());
  int most = 0;
  for (std::int64_t i = 0; i < weight.numel(); ++i) most = std::max(most, std::abs(steps[i]));
  EXPECT_EQ(most, 3);
}

TEST(QuantizedNetwork, FewBitsOfActivationsAreEvaluatedButNotExported) {
  const auto network = make_network(18, {.activation_bits = 2});
  network->calibrate(pictures(2, 1));
  network->module().eval();
  const QuantOptions& options = network->module().options();
  int few = 0;
  IntegerNetwork(integer_model(network->module(), facts()), options, torch::kCPU)
      .forward(pictures(2, 3), [&](const std::string& name, const torch::Tensor& steps) {
        const Levels levels = output_levels(options, network->architecture(), name);
        EXPECT_LE(steps.max().item<int>(), levels.high) << name;
        EXPECT_GE(steps.min().item<int>(), levels.low) << name;
        few += levels.high == 3;
        EXPECT_EQ(levels.high == 3,
                  !name.ends_with("downsample.0") && name != "layer4.1.conv2" && name != "avgpool");
      });
  EXPECT_EQ(few, 16);
  EXPECT_TRUE(torch::isfinite(network->forward(pictures(2, 3))).all().item<bool>());
  try {
    network->export_model(facts());
    FAIL() << "exported";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(e.what()).find("2 bits"), std::string::npos) << e.what();
  }
}

TEST(QuantizedNetwork, ExcludedPartsStayInFloats) {
  const auto network = make_trained_network(18, {.exclude = {"head", "conv1", "layer2.0"}});
  const auto names = network->module().named_parameters();
  EXPECT_FALSE(names.contains("fc.weight_log_step"));
  EXPECT_FALSE(names.contains("conv1.weight_log_step"));
  EXPECT_FALSE(names.contains("layer2.0.conv1.output_log_step"));
  EXPECT_TRUE(names.contains("conv1.output_log_step")) << "the first block reads it";
  EXPECT_TRUE(names.contains("layer2.0.conv2.output_log_step"));
  const Model model = network->export_model(facts());
  EXPECT_EQ(model.quantization.keep, (std::vector<std::string>{"conv1", "layer2.0", "fc"}));
  const torch::Tensor images = pictures(4, 4), ours = network->forward(images);
  const torch::Tensor engine = engine_logits(model, images, "cpu");
  const double noise = (ours - engine).square().mean().item<double>(),
               signal = (ours - ours.mean(0, true)).square().mean().item<double>();
  EXPECT_GT(10 * std::log10(signal / noise), 20.0) << "decibels";
}

TEST(QuantizedNetwork, EvaluationFollowsTheWeights) {
  const auto network = make_network(18, {});
  network->calibrate(pictures(2, 1));
  const torch::Tensor images = pictures(2, 2);
  network->module().eval();
  const torch::Tensor before = network->forward(images);
  EXPECT_TRUE(torch::equal(network->forward(images), before));
  train_steps(*network, 1, 0.05);
  network->module().eval();
  const torch::Tensor after = network->forward(images);
  EXPECT_FALSE(torch::equal(after, before));
  EXPECT_TRUE(torch::equal(after, engine_logits(network->export_model(facts()), images, "cpu")));
}

TEST(QuantizedNetwork, WrongOptionsAreErrors) {
  const Architecture architecture(18, kClasses);
  const Preprocess preprocess;
  EXPECT_THROW(QuantizedNetwork(architecture, {.weight_bits = 5}, preprocess), Error);
  EXPECT_THROW(QuantizedNetwork(architecture, {.activation_bits = 16}, preprocess), Error);
  EXPECT_THROW(QuantizedNetwork(architecture, {.exclude = {"layer9"}}, preprocess), Error);
  const QuantizedNetwork network(architecture, {}, preprocess);
  ExportFacts other = facts();
  other.preprocess.mean[1] = 0.5f;
  EXPECT_THROW(network.export_model(other), Error);
}

}  // namespace
}  // namespace resnet::train
