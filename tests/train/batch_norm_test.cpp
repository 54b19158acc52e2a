#include "train/batch_norm.hpp"

#include <gtest/gtest.h>

namespace resnet::train {
namespace {

torch::Tensor batch(int seed) {
  torch::manual_seed(seed);
  return torch::randn({6, 5, 3, 4}) * 2 + 1;
}

TEST(BatchNorm, IsPytorchsWithOneMicroBatch) {
  torch::nn::BatchNorm2d expected(5);
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  for (int step = 0; step < 3; ++step) {
    const torch::Tensor x = batch(step);
    statistics.begin_step();
    EXPECT_TRUE(torch::allclose(layer->forward(x), expected->forward(x), 0, 1e-6));
    statistics.end_step(1, {});
  }
  EXPECT_TRUE(torch::allclose(layer->running_mean, expected->running_mean, 0, 1e-6));
  EXPECT_TRUE(torch::allclose(layer->running_var, expected->running_var, 0, 1e-6));
  EXPECT_EQ(layer->num_batches_tracked.item<int>(), 3);
  layer->eval();
  expected->eval();
  EXPECT_TRUE(torch::allclose(layer->forward(batch(9)), expected->forward(batch(9)), 0, 1e-6));
}

TEST(BatchNorm, MovesOnceByTheMeanOfItsMicroBatches) {
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  torch::Tensor mean = torch::zeros({5}), var = torch::zeros({5});
  statistics.begin_step();
  for (int i = 0; i < 3; ++i) {
    layer->forward(batch(i));
    const auto [v, m] = torch::var_mean(batch(i), {0, 2, 3}, true);
    mean += m / 3;
    var += v / 3;
  }
  statistics.end_step(1, {});
  EXPECT_TRUE(torch::allclose(layer->running_mean, 0.1 * mean, 0, 1e-6));
  EXPECT_TRUE(torch::allclose(layer->running_var, 0.9 + 0.1 * var, 0, 1e-6));
}

TEST(BatchNorm, AStepThatIsThrownAwayLeavesNoTrace) {
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  statistics.begin_step();
  layer->forward(batch(0) / 0);
  statistics.begin_step();
  layer->forward(batch(1));
  statistics.end_step(1, {});
  EXPECT_TRUE(torch::isfinite(statistics.values()).all().item<bool>());
}

TEST(BatchNorm, FrozenStatisticsStay) {
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  statistics.freeze(true);
  statistics.begin_step();
  EXPECT_TRUE(torch::allclose(layer->forward(batch(0)), batch(0), 1e-4, 1e-4));
  statistics.end_step(1, {});
  EXPECT_EQ(layer->num_batches_tracked.item<int>(), 0);
  EXPECT_EQ(layer->running_mean.abs().sum().item<float>(), 0);
}

TEST(BatchNorm, AdoptsStatisticsWithoutAnotherResult) {
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  const torch::NoGradGuard no_grad;
  layer->weight.copy_(torch::linspace(-1, 2, 5));
  layer->bias.copy_(torch::linspace(0.5, -0.5, 5));
  layer->running_mean.copy_(torch::linspace(-1, 1, 5));
  layer->running_var.copy_(torch::linspace(0.2, 3, 5));
  layer->eval();
  const torch::Tensor before = layer->forward(batch(30));
  statistics.adopt(true);
  EXPECT_TRUE(torch::allclose(layer->forward(batch(31)), layer->forward(batch(31)), 0, 0));
  statistics.adopt(false);
  EXPECT_TRUE(torch::allclose(layer->forward(batch(30)), before, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(layer->running_mean, batch(31).mean({0, 2, 3}), 1e-5, 1e-6));

  // One that is as new normalises instead.
  layer->reset();
  statistics.adopt(true);
  const torch::Tensor y = layer->forward(batch(32));
  EXPECT_TRUE(torch::allclose(y.mean({0, 2, 3}), torch::zeros({5}), 0, 1e-5));
  EXPECT_TRUE(torch::equal(layer->weight, torch::ones({5})));
}

// Synchronised with nobody, it must be the ordinary layer, gradients included.
TEST(BatchNorm, SynchronisedByOneIsTheOrdinaryOne) {
  torch::nn::BatchNorm2d expected(5);
  BatchNorm layer(5);
  RunningStatistics statistics(*layer);
  statistics.synchronise([](torch::Tensor&) {});
  const torch::Tensor weights = batch(20);
  torch::Tensor x = batch(21).requires_grad_(), y = batch(21).requires_grad_();
  statistics.begin_step();
  (layer->forward(x) * weights).sum().backward();
  statistics.end_step(1, {});
  (expected->forward(y) * weights).sum().backward();
  EXPECT_TRUE(torch::allclose(x.grad(), y.grad(), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(layer->weight.grad(), expected->weight.grad(), 1e-4, 1e-4));
  EXPECT_TRUE(torch::allclose(layer->bias.grad(), expected->bias.grad(), 1e-4, 1e-4));
  EXPECT_TRUE(torch::allclose(layer->running_var, expected->running_var, 0, 1e-5));
}

}  // namespace
}  // namespace resnet::train
