// Small networks in quantisation-aware training.
#pragma once

#include "support/random_values.hpp"
#include "support/session_run.hpp"
#include "train/quant/quantized_network.hpp"

#include <cmath>
#include <vector>

#include <torch/torch.h>

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet::train {

inline constexpr int kClasses = 10, kSide = 64;

// Normalised pictures of whole, random pixels with some structure: blocks of 8 x 8 and noise.
inline torch::Tensor pictures(std::int64_t count, std::uint64_t seed) {
  const Preprocess preprocess;
  std::vector<float> values = test::random_values(count * 3 * kSide * kSide, seed);
  const std::vector<float> blocks = test::random_values(count * 3 * 64, seed + 1000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t plane = i / (kSide * kSide), y = i / kSide % kSide, x = i % kSide;
    const float value = 0.3f * values[i] + 0.7f * blocks[plane * 64 + y / 8 * 8 + x / 8];
    const float pixel = std::nearbyint((value + 1) * 127.5f);
    values[i] = (pixel / 255.0f - preprocess.mean[plane % 3]) / preprocess.std[plane % 3];
  }
  return torch::tensor(values).view({count, 3, kSide, kSide});
}

inline ExportFacts facts() {
  return {.preprocess = {.resize_mode = ResizeMode::exact, .resize = {kSide, kSide}, .center_crop = {}},
          .head = {.kind = HeadKind::sigmoid, .thresholds = {}},
          .labels = make_random_model(18, kClasses, 1).labels};
}

// What an engine gives for normalised pictures.
inline torch::Tensor engine_logits(const Model& model, const torch::Tensor& images,
                                   const std::string& backend, const Trace* trace = nullptr) {
  const torch::Tensor dense = images.contiguous();
  const Shape shape(dense.sizes().vec());
  SessionOptions options;
  options.backend = backend;
  options.threads = 2;
  const Session session(model, options);
  const std::vector<float> input(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
  return torch::tensor(test::run(session, input, shape, trace)).view({shape[0], -1});
}

// A trained network's look: random weights and statistics, some channels upside down, one off and one almost
// off.
inline std::unique_ptr<QuantizedNetwork> make_network(int depth, const QuantOptions& options) {
  auto network =
      std::make_unique<QuantizedNetwork>(Architecture(depth, kClasses), options, facts().preprocess);
  copy_weights(make_random_model(depth, kClasses, 7), network->module());
  const torch::NoGradGuard no_gradient;
  for (const char* bn : {"bn1", "layer1.0.bn1", "layer2.0.downsample.1", "layer3.1.bn2"}) {
    const BatchNorm layer = network->module().batch_norm(bn);
    torch::Tensor gamma = layer->weight, beta = layer->bias;
    gamma.index({torch::indexing::Slice(0, 9)}).neg_();
    gamma[10] = 0, beta[10] = 0.7;
    gamma[11] = 1e-13, beta[11] = 0.3;
    gamma[12] = 0, beta[12] = 0;
    beta[13] = -0.5;
  }
  return network;
}

// A few steps towards random targets, statistics and all.
inline void train_steps(QuantizedNetwork& network, int steps, double learning_rate) {
  network.module().train();
  RunningStatistics statistics(network.module());
  std::vector<torch::Tensor> parameters;
  for (const TrainedParameter& p : network.trained_parameters()) parameters.push_back(p.value);
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(learning_rate).momentum(0.9));
  for (int i = 0; i < steps; ++i) {
    const torch::Tensor images = pictures(4, 50 + static_cast<std::uint64_t>(i));
    const torch::Tensor targets =
        (images.mean({2, 3}).repeat({1, 4}).slice(1, 0, kClasses) > 0).to(torch::kFloat);
    statistics.begin_step();
    optimizer.zero_grad();
    torch::binary_cross_entropy_with_logits(network.forward(images), targets).backward();
    optimizer.step();
    statistics.end_step(1, {});
  }
}

inline std::unique_ptr<QuantizedNetwork> make_trained_network(int depth, const QuantOptions& options) {
  torch::manual_seed(1);
  auto network = make_network(depth, options);
  network->calibrate(pictures(4, 1));
  train_steps(*network, 3, 0.01);
  network->module().eval();
  return network;
}

}  // namespace resnet::train
