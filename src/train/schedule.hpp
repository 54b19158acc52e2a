// The learning rate over the steps of a run.
#pragma once

#include <cstdint>
#include <string>

namespace resnet::train {

struct Schedule {
  std::string kind = "cosine";  // cosine, one_cycle, constant
  std::int64_t steps = 1;       // of the whole run
  std::int64_t warmup = 0;      // of them with a rising learning rate
  double final_scale = 0;       // cosine: what is left at the end
};

// A factor on the learning rate for step `step` (from 0):
//   constant   1, after a linear warm-up
//   cosine     linear warm-up, then f + (1 - f) (1 + cos(pi t)) / 2 with t from 0 to 1 (Loshchilov and
//   Hutter, "SGDR",
//              ICLR 2017, without restarts)
//   one_cycle  from 1/25 to 1 during the warm-up, then down to 1/250,000, both along half a cosine (Smith and
//   Topin,
//              "Super-Convergence", 2018; PyTorch's OneCycleLR gives the same numbers)
double schedule_factor(const Schedule& schedule, std::int64_t step);

}  // namespace resnet::train
