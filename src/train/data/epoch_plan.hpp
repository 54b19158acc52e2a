// Which samples are in which batch of which process.
#pragma once

#include <cstdint>
#include <vector>

namespace resnet::train {

// The numbers 0 … count - 1 in an order that depends on seed and epoch alone.
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, int epoch);

// Deals the positions of an epoch's order to processes, a batch at a time: batch b of process r is the part
// number b * world_size + r.
struct EpochPlan {
  enum class Remainder {
    drop,   // what does not fill a batch of every process is left out
    share,  // it makes a last, smaller batch, as large for every process; fewer than world_size are left out
    keep_all,  // every position is in some batch; processes may have different numbers of them
  };

  std::int64_t samples = 0;
  int batch = 1;
  int rank = 0;
  int world_size = 1;
  Remainder remainder = Remainder::drop;

  std::int64_t batches() const noexcept;  // of this process

  struct Part {
    std::int64_t first;
    int count;
  };
  Part part(std::int64_t batch_number) const noexcept;  // 0 <= batch_number < batches()
};

}  // namespace resnet::train
