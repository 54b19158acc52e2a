// What a batch's logits are told.
//
// With p = sigmoid(x), targets y in 0..1 and the loss of one sample and class:
//   bce            -y log p - (1 - y) log(1 - p)
//   focal          -alpha y (1 - p)^gamma log p - (1 - alpha) (1 - y) p^gamma log(1 - p)
//                  Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5
//   asl            -y (1 - p)^g+ log p - (1 - y) q^g- log(1 - q),   q = max(p - clip, 0)
//                  Ridnik et al., "Asymmetric Loss for Multi-Label Classification", ICCV 2021, eq. 4 to 7
//   cross_entropy  -y log softmax(x)
// bce and focal are the mean over samples and classes; asl and cross_entropy the mean over samples of the sum
// over classes (for asl as in the paper: most of its terms are next to nothing).
//
// The teacher's part is the divergence KL(teacher || student) of the probabilities at a temperature T, times
// T^2 (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015), added up over classes as the
// loss itself is.
#pragma once

#include "train/config.hpp"

#include <torch/torch.h>

#include <resnet/model.hpp>

namespace resnet::train {

class Loss {
 public:
  // Resolves kind "auto" by the head. Throws Error{invalid_argument} where the kind does not fit the head.
  Loss(const LossConfig& loss, const DistillConfig& distill, HeadKind head);

  // logits, targets: [N, classes]; teacher: the same, or undefined where there is none. Gives one number,
  // fp32.
  // Targets that are kIgnored (train/data/augment.hpp) count nothing.
  torch::Tensor operator()(const torch::Tensor& logits, const torch::Tensor& targets,
                           const torch::Tensor& teacher = {}) const;

  // The teacher's part at single positions, both [N, positions, classes], times distill.positions.
  torch::Tensor at_positions(const torch::Tensor& student, const torch::Tensor& teacher) const;

 private:
  torch::Tensor from_targets(const torch::Tensor& x, const torch::Tensor& y) const;
  torch::Tensor from_teacher(const torch::Tensor& x, const torch::Tensor& teacher) const;
  // [N, classes] → one number.
  torch::Tensor reduce(const torch::Tensor& losses) const;

  LossConfig loss_;
  DistillConfig distill_;
};

}  // namespace resnet::train
