// What `verify --step` prints: how long each kind of kernel took, and how far the step's output is from
// PyTorch's.
#pragma once

#include "verify/verifier.hpp"

#include <string>
#include <utility>
#include <vector>

#include <resnet/session.hpp>

namespace resnet::cli {

// Milliseconds by kind of kernel, in the order in which the kinds first ran. The textbook kernels go by short
// names (im2col, gemm, bn, relu, add, pool, fc), all others by their own.
class StageTimes {
 public:
  void add(const LayerTrace& layer);
  // "gemm  : 0.412 ms", a line each.
  std::string text() const;

 private:
  std::vector<std::pair<std::string, double>> stages_;
};

// "Diff  : max_abs=3.81e-06 mean_abs=2.10e-07", a line.
std::string difference_text(const verify::CheckpointResult& result);

// "atol 1e-4", or "3e-05 of max|expected|" where the contract bounds only that.
std::string limit_text(const verify::Tolerance& tolerance);

}  // namespace resnet::cli
