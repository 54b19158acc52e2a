#include "train/data/epoch_plan.hpp"

#include "train/data/sample_rng.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace resnet::train {
namespace {

constexpr std::int64_t kNoSample = -1;  // the shuffle's own generator: no sample has this index

}  // namespace

// Fisher and Yates.
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, int epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  SampleRng rng(seed, epoch, kNoSample);
  for (std::int64_t i = count - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(rng.below(i + 1))]);
  }
  return order;
}

std::int64_t EpochPlan::batches() const noexcept {
  if (remainder == Remainder::keep_all) {
    const std::int64_t parts = (samples + batch - 1) / batch;
    return (parts - rank + world_size - 1) / world_size;
  }
  const std::int64_t step = std::int64_t{batch} * world_size;
  const bool smaller_one = remainder == Remainder::share && samples % step >= world_size;
  return samples / step + (smaller_one ? 1 : 0);
}

EpochPlan::Part EpochPlan::part(std::int64_t batch_number) const noexcept {
  const std::int64_t first = (batch_number * world_size + rank) * batch;
  if (remainder == Remainder::keep_all) {
    return {first, static_cast<int>(std::min<std::int64_t>(batch, samples - first))};
  }
  const std::int64_t step = std::int64_t{batch} * world_size;
  const std::int64_t full = samples / step;
  if (batch_number < full) return {first, batch};
  const std::int64_t share = samples % step / world_size;
  return {full * step + rank * share, static_cast<int>(share)};
}

}  // namespace resnet::train
