#include "train/losses.hpp"

#include "train/data/augment.hpp"

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {

Loss::Loss(const LossConfig& loss, const DistillConfig& distill, HeadKind head)
    : loss_(loss), distill_(distill) {
  const bool one_class = head == HeadKind::softmax;
  if (loss_.kind == "auto") loss_.kind = one_class ? "cross_entropy" : "asl";
  if ((loss_.kind == "cross_entropy") != one_class) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("loss.kind={} does not fit the data, whose pictures have {}: {}", loss_.kind,
                            one_class ? "one class each" : "any number of classes",
                            one_class ? "use cross_entropy" : "use bce, focal or asl"));
  }
}

torch::Tensor Loss::operator()(const torch::Tensor& logits, const torch::Tensor& targets,
                               const torch::Tensor& teacher) const {
  const torch::Tensor x = logits.to(torch::kFloat);
  const double smoothing = loss_.label_smoothing;
  const double even = loss_.kind == "cross_entropy" ? 1.0 / static_cast<double>(targets.size(1)) : 0.5;
  const torch::Tensor counted = targets.ne(kIgnored), there = targets.clamp_min(0);
  const torch::Tensor y = smoothing > 0 ? there * (1 - smoothing) + smoothing * even : there;
  const torch::Tensor own = reduce(from_targets(x, y) * counted);
  if (!teacher.defined()) return own;
  return own * (1 - distill_.weight) + reduce(from_teacher(x, teacher.to(torch::kFloat))) * distill_.weight;
}

torch::Tensor Loss::at_positions(const torch::Tensor& student, const torch::Tensor& teacher) const {
  const auto rows = [](const torch::Tensor& x) { return x.to(torch::kFloat).flatten(0, 1); };
  return reduce(from_teacher(rows(student), rows(teacher))) * distill_.positions;
}

torch::Tensor Loss::reduce(const torch::Tensor& losses) const {
  return loss_.kind == "bce" || loss_.kind == "focal" ? losses.mean() : losses.sum(1).mean();
}

torch::Tensor Loss::from_targets(const torch::Tensor& x, const torch::Tensor& y) const {
  if (loss_.kind == "cross_entropy") return -y * torch::log_softmax(x, 1);
  const torch::Tensor log_p = torch::log_sigmoid(x);
  if (loss_.kind == "bce") return (1 - y) * x - log_p;  // log(1 - p) = log p - x
  const torch::Tensor log_not_p = torch::log_sigmoid(-x);
  const torch::Tensor p = torch::sigmoid(x), not_p = torch::sigmoid(-x);
  if (loss_.kind == "focal") {
    return -loss_.focal_alpha * y * not_p.pow(loss_.focal_gamma) * log_p -
           (1 - loss_.focal_alpha) * (1 - y) * p.pow(loss_.focal_gamma) * log_not_p;
  }
  const double focus = loss_.asl_gamma_positive;
  const torch::Tensor positive = focus > 0 ? not_p.pow(focus) * log_p : log_p;
  // Without a clip 1 - q may be 0 in fp32, its logarithm not.
  const torch::Tensor q = loss_.asl_clip > 0 ? (p - loss_.asl_clip).clamp_min(0) : p;
  const torch::Tensor log_not_q = loss_.asl_clip > 0 ? torch::log1p(-q) : log_not_p;
  return -y * positive - (1 - y) * q.pow(loss_.asl_gamma_negative) * log_not_q;
}

torch::Tensor Loss::from_teacher(const torch::Tensor& x, const torch::Tensor& teacher) const {
  const double t = distill_.temperature;
  const torch::Tensor s = x / t, r = teacher / t;
  if (loss_.kind == "cross_entropy") {
    const torch::Tensor log_r = torch::log_softmax(r, 1);
    return t * t * log_r.exp() * (log_r - torch::log_softmax(s, 1));
  }
  const torch::Tensor yes = torch::sigmoid(r), no = torch::sigmoid(-r);
  return t * t *
         (yes * (torch::log_sigmoid(r) - torch::log_sigmoid(s)) +
          no * (torch::log_sigmoid(-r) - torch::log_sigmoid(-s)));
}

}  // namespace resnet::train
