// One model through every rung: checked, then timed.
#pragma once

#include "ladder/calls.hpp"
#include "ladder/rungs.hpp"
#include "ladder/table.hpp"
#include "ladder/tensor_cores.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <resnet/model.hpp>

namespace resnet::ladder {

inline constexpr int kSide = 224;  // of the pictures
inline constexpr int kBatches[] = {1, 8, 64}, kMost = 64;

class Climb {
 public:
  // A seeded random network, and what the reference backend makes of a batch of three.
  Climb(int depth, const Gpu& gpu, int runs);

  std::string name() const;  // "ResNet-18"
  // Whether a rung's logits were wrong.
  bool failed() const { return failed_; }

  struct RungTimes {
    std::vector<Cell> batches;               // for each of kBatches
    std::vector<std::optional<Cell>> kinds;  // at the batch kMost, for each Kind; empty: nothing of it
  };
  // These two are empty where the logits are wrong.
  std::optional<RungTimes> time_rung(const Rung& rung);
  std::optional<TensorCoreTimes> time_tensor_cores(int batch);

  // Of the last rung; `compute_ms` is what it takes on the device.
  CallTimes time_ways_to_call(int batch, double compute_ms) const;

 private:
  std::span<const float> input(int batch) const;
  std::vector<float> logits_of(const Weights& weights) const;
  std::vector<std::optional<Cell>> time_kinds(const Network& network, cudaStream_t stream) const;
  bool check(const char* rung, const std::vector<float>& logits);

  Model model_;
  Gpu gpu_;
  int runs_;
  std::vector<float> input_, expected_;
  bool failed_ = false;
};

}  // namespace resnet::ladder
