// All that the ladder says, gathered model by model.
#pragma once

#include "ladder/boundary.hpp"
#include "ladder/climb.hpp"

#include <string>
#include <utility>
#include <vector>

namespace resnet::ladder {

class Report {
 public:
  // `tensor_cores`: whether the GPU has the last rungs' kernels.
  explicit Report(bool tensor_cores);

  // Measures every rung of this model.
  void add(Climb& climb);
  void add(std::vector<Boundary> boundaries) { boundaries_ = std::move(boundaries); }

  // The tables.
  std::string markdown() const;

 private:
  using Times = std::vector<std::optional<Climb::RungTimes>>;  // of kRungs

  void add_kernels(Climb& climb, const Times& times, std::size_t b);
  void add_calls(const Climb& climb, const Cell& fused, std::size_t b);

  bool tensor_cores_;
  Table kernels_, batches_, calls_;
  std::vector<Table> kinds_;  // one a model
  std::vector<std::string> memory_;
  std::vector<Boundary> boundaries_;
};

}  // namespace resnet::ladder
