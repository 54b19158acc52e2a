// The INT8 engine computes what quantisation-aware training trained: its bits are those of the trainer's
// evaluation, and each of its activations is, to a step, the training pass's.

#include "support/temporary_directory.hpp"
#include "train/quant/quant_fixture.hpp"

#include <cstring>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

struct Case {
  int depth;
  int weight_bits;
  bool per_channel;
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return "resnet" + std::to_string(info.param.depth) + "W" + std::to_string(info.param.weight_bits) +
         (info.param.per_channel ? "PerChannel" : "PerTensor");
}

class EngineEqualityTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto [depth, bits, per_channel] = GetParam();
    network_ = make_trained_network(depth, {.weight_bits = bits, .per_channel = per_channel});
    images_ = pictures(4, 9);
  }
  const Architecture& architecture() const { return network_->architecture(); }

  std::unique_ptr<QuantizedNetwork> network_;
  torch::Tensor images_;
};

// Modules' outputs as the engine's trace shows them, by module.
std::map<int, torch::Tensor> module_outputs(const Model& model, const torch::Tensor& images) {
  std::map<int, torch::Tensor> outputs;
  const Trace trace{.on_module = [&](int m, const Shape& shape, const float* values, double) {
    outputs[m] = torch::tensor(std::vector<float>(values, values + shape.numel())).view(shape.dims());
  }};
  engine_logits(model, images, "reference", &trace);
  return outputs;
}

TEST_P(EngineEqualityTest, EvaluationGivesTheEnginesBits) {
  const Model model = network_->export_model(facts());
  const torch::Tensor logits = network_->forward(images_);
  EXPECT_FALSE(logits.requires_grad());
  EXPECT_GT(logits.std().item<double>(), 0.01) << "the test's network says the same of everything";
  EXPECT_TRUE(torch::equal(logits, engine_logits(model, images_, "reference")));
  EXPECT_TRUE(torch::equal(logits, engine_logits(model, images_, "cpu")));

  std::map<int, torch::Tensor> expected = module_outputs(model, images_);
  std::map<std::string, torch::Tensor> seen;
  IntegerNetwork(model, network_->module().options(), torch::kCPU)
      .forward(images_, [&](const std::string& name, const torch::Tensor& steps) { seen[name] = steps; });
  for (int m = 4; m < architecture().head(); ++m) {
    const std::string last = last_of_path(architecture(), m).conv;
    const float scale = model.tensor(last + ".output_scale").f32()[0];
    EXPECT_TRUE(torch::equal(seen.at(last) * scale, expected.at(m))) << last;
  }

  const test::TemporaryDirectory directory;
  save_model(model, directory.path() / "m.safetensors", ModelFormat::safetensors);
  const Model back = load_model(directory.path() / "m.safetensors");
  EXPECT_EQ(back.quantization.weight_bits, GetParam().weight_bits);
  EXPECT_EQ(back.preprocess, model.preprocess);
  EXPECT_EQ(back.head.kind, HeadKind::sigmoid);
  for (const TensorSpec& spec : quantized_tensors(back.architecture, back.quantization)) {
    const Tensor &a = model.tensor(spec.name), &b = back.tensor(spec.name);
    ASSERT_EQ(a.bytes(), b.bytes());
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0) << spec.name;
  }
}

// Takes over into BatchNorm what rounding to whole units of the accumulator does to the biases.
void round_biases(QuantizedNetwork& network, const Model& model) {
  for (int m = 0; m < network.architecture().head(); ++m) {
    for (const ConvSpec& spec : network.architecture().convolutions(m)) {
      const BatchNorm bn = network.module().batch_norm(spec.bn);
      const Tensor& bias = model.tensor(spec.conv + ".bias");
      const auto* steps = reinterpret_cast<const std::int32_t*>(bias.data());
      const auto multiplier = model.tensor(spec.conv + ".multiplier").f32();
      const double scale = static_cast<double>(model.tensor(spec.conv + ".output_scale").f32()[0]);
      for (std::int64_t o = 0; o < bn->bias.numel() && spec.conv != "conv1"; ++o) {
        const double a =
            bn->weight[o].item<double>() / std::sqrt(bn->running_var[o].item<double>() + kBatchNormEps);
        const double unit = static_cast<double>(multiplier[static_cast<std::size_t>(o)]) * scale;
        const double rounded = steps[o] * unit + a * bn->running_mean[o].item<double>();
        EXPECT_LE(std::abs(rounded - bn->bias[o].item<double>()), 0.51 * unit + 1e-6)
            << spec.conv << " " << o;
        bn->bias[o] = rounded;
      }
    }
  }
}

// Each activation on its own, from the engine's inputs of it: a difference of a step does not add up with
// others.
TEST_P(EngineEqualityTest, TheTrainingPassLeavesTheSameStepsAtEveryActivation) {
  const Model model = network_->export_model(facts());
  std::map<std::string, torch::Tensor> steps;
  IntegerNetwork(model, network_->module().options(), torch::kCPU)
      .forward(images_, [&](const std::string& name, const torch::Tensor& q) { steps[name] = q; });
  const auto scale = [&](const std::string& conv) { return model.tensor(conv + ".output_scale").f32()[0]; };
  const auto real = [&](const std::string& conv) { return steps.at(conv) * scale(conv); };

  network_->module().train();
  RunningStatistics(network_->module()).freeze(true);
  const torch::NoGradGuard no_gradient;
  // With fewer bits a unit of the accumulator is no longer small against a step.
  if (GetParam().weight_bits < 8) round_biases(*network_, model);
  std::int64_t values = 0, different = 0;
  const auto compare = [&](const ConvSpec& spec, const torch::Tensor& before) {
    const torch::Tensor q = (network_->activate(spec, before) / scale(spec.conv)).round();
    const torch::Tensor difference = (q - steps.at(spec.conv)).abs();
    EXPECT_LE(difference.max().item<double>(), 1) << spec.conv;
    const auto unequal = (difference > 0).sum().item<std::int64_t>();
    EXPECT_LE(static_cast<double>(unequal), 1e-3 * static_cast<double>(q.numel()) + 1) << spec.conv;
    values += q.numel(), different += unequal;
  };
  const ConvSpec stem = architecture().convolutions(0).front();
  compare(stem, network_->convolve(stem, images_));
  torch::Tensor x = torch::max_pool2d(real("conv1"), 3, 2, 1);
  for (int m = 4; m < architecture().head(); ++m) {
    const torch::Tensor input = x;
    torch::Tensor shortcut = input;
    const ConvSpec last = last_of_path(architecture(), m);
    std::vector<ConvSpec> specs = architecture().convolutions(m);
    if (is_shortcut(specs.back())) {
      compare(specs.back(), network_->convolve(specs.back(), input));
      shortcut = real(specs.back().conv);
      specs.pop_back();
    }
    for (const ConvSpec& spec : specs) {
      const torch::Tensor y = network_->convolve(spec, x);
      compare(spec, spec.conv == last.conv ? y + shortcut : y);
      x = real(spec.conv);
    }
  }
  EXPECT_LE(static_cast<double>(different), 1e-3 * static_cast<double>(values));
  RecordProperty("different", std::to_string(different) + " of " + std::to_string(values));

  // All layers together; each one's rounding is the next one's input, so that both wander apart a little.
  const torch::Tensor trained = network_->forward(images_);
  network_->module().eval();
  const torch::Tensor integers = network_->forward(images_);
  const double noise = (trained - integers).square().mean().item<double>(),
               signal = (integers - integers.mean(0, true)).square().mean().item<double>();
  EXPECT_GT(10 * std::log10(signal / noise), 12.0) << "decibels";
}

INSTANTIATE_TEST_SUITE_P(Networks, EngineEqualityTest,
                         testing::Values(Case{18, 8, true}, Case{18, 8, false}, Case{50, 8, true},
                                         Case{18, 4, true}, Case{18, 2, true}),
                         case_name);

}  // namespace
}  // namespace resnet::train
