// Training in several processes: each computes the gradient of its own samples, and their mean moves the
// weights.
#pragma once

#include "train/torch_version.hpp"

#include <memory>

#include <torch/torch.h>

namespace resnet::train {

// From torchrun's environment variables; one process where they are not set. Throws Error{invalid_argument}
// where they contradict each other.
ProcessPlace place_from_environment();

class DataParallel {
 public:
  DataParallel(const ProcessPlace& place, torch::Device device);

  int rank() const noexcept { return rank_; }
  int size() const noexcept { return size_; }
  bool first() const noexcept { return rank_ == 0; }

  // Replaces `tensor`, in place, by its sum over all processes; by their mean. With one process they do
  // nothing.
  void sum(torch::Tensor& tensor) const;
  void mean(torch::Tensor& tensor) const;
  // A long tensor in buckets that travel one behind the other.
  void mean_in_buckets(torch::Tensor& flat) const;
  // Replaces it by what it is in process 0.
  void broadcast(torch::Tensor& tensor) const;

 private:
  int rank_, size_;
  std::shared_ptr<ProcessGroup> group_;  // null where there is one process
};

}  // namespace resnet::train
