// Prints, as JSON, what losses, schedules and optimisers give for inputs made by a formula, for
// oracle_test.py to compare with PyTorch.
#include "train/losses.hpp"
#include "train/optimizer.hpp"
#include "train/schedule.hpp"

#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

namespace resnet::train {
namespace {

using Json = nlohmann::ordered_json;

Json values_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().contiguous().to(torch::kDouble).view({-1});
  return std::vector<double>(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
}

// scale * sin(i * step), the same in Python.
torch::Tensor wave(std::vector<std::int64_t> shape, double step, double scale) {
  const torch::Tensor flat = torch::arange(c10::multiply_integers(shape), torch::kDouble);
  return (torch::sin(flat * step) * scale).to(torch::kFloat).view(shape);
}

Json losses() {
  Json all;
  const torch::Tensor teacher = wave({5, 7}, 0.37, 3);
  for (const char* kind : {"bce", "focal", "asl", "cross_entropy"}) {
    const bool one_class = std::string_view(kind) == "cross_entropy";
    torch::Tensor targets = (wave({5, 7}, 1.3, 1) > 0.3).to(torch::kFloat);
    if (one_class) targets = torch::eye(7).narrow(0, 1, 5);
    for (const double smoothing : {0.0, 0.1}) {
      for (const bool distilled : {false, true}) {
        LossConfig config;
        config.kind = kind;
        config.label_smoothing = smoothing;
        config.asl_gamma_positive = 1;
        const Loss loss(config, {.teacher = "", .weight = 0.3, .temperature = 2},
                        one_class ? HeadKind::softmax : HeadKind::sigmoid);
        const torch::Tensor logits = wave({5, 7}, 0.7, 4).requires_grad_();
        const torch::Tensor value = loss(logits, targets, distilled ? teacher : torch::Tensor());
        value.backward();
        all.push_back({{"kind", kind},
                       {"smoothing", smoothing},
                       {"distilled", distilled},
                       {"loss", value.item<double>()},
                       {"gradient", values_of(logits.grad())}});
      }
    }
  }
  return all;
}

Json schedules() {
  Json all;
  for (const char* kind : {"cosine", "one_cycle", "constant"}) {
    const Schedule schedule{.kind = kind, .steps = 40, .warmup = 12, .final_scale = 0.1};
    Json factors;
    for (int step = 0; step < 40; ++step) factors.push_back(schedule_factor(schedule, step));
    all[kind] = factors;
  }
  return all;
}

Json optimizers() {
  Json all;
  for (const char* kind : {"sgd", "adamw"}) {
    TrainConfig config;
    config.optimizer = kind;
    config.weight_decay = 0.1;
    config.backbone_lr_scale = 0.5;
    config.clip_gradient = 2;
    torch::Tensor weight = wave({3, 2, 2, 2}, 0.9, 1).requires_grad_(),
                  bias = wave({3}, 0.8, 1).requires_grad_();
    FlatParameters flat({{.name = "fc.weight", .value = weight, .decayed = true, .head = true},
                         {.name = "bn.bias", .value = bias}},
                        true);
    Optimizer optimizer(flat, config);
    for (int step = 0; step < 5; ++step) {
      flat.forget_gradients();
      optimizer.set_learning_rate(0.1 / (step + 1));
      ((weight * wave({3, 2, 2, 2}, 0.3 + step, 2)).sum() + (bias.square() * wave({3}, 0.4, 1)).sum())
          .backward();
      flat.gather_gradients();
      optimizer.step();
    }
    all[kind] = {{"weight", values_of(weight)}, {"bias", values_of(bias)}};
  }
  return all;
}

}  // namespace
}  // namespace resnet::train

int main() {
  using namespace resnet::train;
  std::cout << Json{{"losses", losses()}, {"schedules", schedules()}, {"optimizers", optimizers()}} << '\n';
}
