#include "train/optimizer.hpp"

#include "train/losses.hpp"
#include "train/network.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

TEST(FlatParameters, ShareTheNetworksMemory) {
  torch::manual_seed(1);
  Network network(Architecture(18, 3)), untouched(Architecture(18, 3));
  copy_weights(network.export_model({.labels = {"a", "b", "c"}}), untouched.module());
  FlatParameters flat(network.trained_parameters(), /*channels_last=*/true);
  ASSERT_EQ(flat.groups().size(), 4);  // weights and the rest, of the head and of the backbone

  const torch::Tensor images = torch::randn({2, 3, 32, 32});
  // A batch of two would leave BatchNorm's last layers next to nothing to normalise but rounding errors.
  network.module().eval();
  untouched.module().eval();
  flat.forget_gradients();
  network.forward(images).square().sum().backward();
  untouched.forward(images).square().sum().backward();
  for (const auto& entry : untouched.module().named_parameters()) {
    const torch::Tensor mine = network.module().named_parameters()[entry.key()];
    EXPECT_TRUE(torch::equal(mine, entry.value())) << entry.key();
    EXPECT_TRUE(torch::allclose(mine.grad(), entry.value().grad(), 1e-3, 1e-3)) << entry.key();
  }
  const torch::Tensor weight = network.module().convolution("layer1.0.conv1")->weight;
  EXPECT_TRUE(weight.is_contiguous(torch::MemoryFormat::ChannelsLast));

  const torch::NoGradGuard no_grad;
  flat.values().fill_(2);
  EXPECT_TRUE((weight == 2).all().item<bool>());
  flat.groups().front().values.fill_(3);
  EXPECT_TRUE((flat.values() == 3).any().item<bool>());

  // Gradients lie in gradient() as the weights do in values().
  flat.gather_gradients();
  flat.values().copy_(flat.gradient());
  for (const auto& entry : network.module().named_parameters())
    EXPECT_TRUE(torch::equal(entry.value(), entry.value().grad())) << entry.key();
  flat.forget_gradients();
  EXPECT_FALSE(weight.grad().defined());
  flat.gather_gradients();
  EXPECT_EQ(flat.gradient().abs().sum().item<float>(), 0);
}

TEST(GradScaler, LeavesOutWhatOverflowsAndHalvesItsScale) {
  GradScaler scaler(true, torch::kCPU);
  torch::Tensor gradient = torch::full({3}, 65536.0f);
  EXPECT_TRUE(scaler.unscale(gradient));
  EXPECT_EQ(gradient[0].item<float>(), 1);
  gradient[1] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(scaler.unscale(gradient));
  EXPECT_EQ(scaler.value(), 32768);
  EXPECT_EQ(scaler.good_steps(), 0);
  scaler.restore(4, 1999);
  gradient = torch::full({3}, 4.0f);
  EXPECT_TRUE(scaler.unscale(gradient));
  EXPECT_EQ(gradient[2].item<float>(), 1);
  EXPECT_EQ(scaler.value(), 8);
}

TEST(GradScaler, OffItDoesNothing) {
  GradScaler scaler(false, torch::kCPU);
  torch::Tensor gradient = torch::full({2}, std::numeric_limits<float>::infinity());
  EXPECT_TRUE(scaler.unscale(gradient));
  EXPECT_EQ(scaler.value(), 1);
}

TEST(MovingAverage, FollowsItsFormula) {
  torch::Tensor value = torch::zeros({2});
  MovingAverage average({value}, 0.5);
  value.fill_(10);
  average.update(0);  // decay min(0.5, 1/10)
  EXPECT_NEAR(average.averages()[0][0].item<float>(), 9, 1e-5);
  average.update(1000);  // 0.5
  EXPECT_NEAR(average.averages()[0][1].item<float>(), 9.5, 1e-5);
  average.swap();
  EXPECT_NEAR(value[0].item<float>(), 9.5, 1e-5);
  average.swap();
  EXPECT_EQ(value[0].item<float>(), 10);
}

TEST(Loss, IgnoredTargetsCostNothing) {
  const torch::Tensor logits = torch::tensor({{2.0f, -1.0f}, {0.5f, 3.0f}}).requires_grad_();
  const torch::Tensor targets = torch::tensor({{1.0f, kIgnored}, {kIgnored, 0.0f}});
  for (const char* kind : {"bce", "focal", "asl"}) {
    LossConfig config;
    config.kind = kind;
    config.label_smoothing = 0.1;
    const Loss loss(config, {}, HeadKind::sigmoid);
    const torch::Tensor gradient = torch::autograd::grad({loss(logits, targets)}, {logits})[0];
    EXPECT_EQ(gradient[0][1].item<float>(), 0) << kind;
    EXPECT_EQ(gradient[1][0].item<float>(), 0) << kind;
    EXPECT_NE(gradient[0][0].item<float>(), 0) << kind;
  }
}

TEST(Loss, RefusesAKindThatDoesNotFitTheData) {
  LossConfig config;
  config.kind = "cross_entropy";
  EXPECT_THROW(Loss(config, {}, HeadKind::sigmoid), Error);
  config.kind = "asl";
  EXPECT_THROW(Loss(config, {}, HeadKind::softmax), Error);
}

// Logits far from zero are where a careless formula gives infinities.
TEST(Loss, StaysFiniteFarFromZero) {
  const torch::Tensor logits = torch::tensor({{200.0f, -200.0f, 100.0f, -100.0f}}).requires_grad_();
  const torch::Tensor targets = torch::tensor({{0.0f, 1.0f, 1.0f, 0.0f}});
  for (const char* kind : {"bce", "focal", "asl"}) {
    for (const double clip : {0.0, 0.05}) {
      LossConfig config;
      config.kind = kind;
      config.asl_clip = clip;
      const torch::Tensor value = Loss(config, {}, HeadKind::sigmoid)(logits, targets, -logits.detach());
      EXPECT_TRUE(std::isfinite(value.item<float>())) << kind;
      EXPECT_TRUE(torch::isfinite(torch::autograd::grad({value}, {logits})[0]).all().item<bool>()) << kind;
    }
  }
}

}  // namespace
}  // namespace resnet::train
