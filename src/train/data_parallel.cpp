#include "train/data_parallel.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::train {
namespace {

// 25 MB, PyTorch's own: large enough for the links' full speed, small enough that several are under way.
constexpr std::int64_t kBucket = 25 << 18;

// The value of a variable that torchrun sets; `missing` where it is not set.
int number(const char* name, int missing) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return missing;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > 65535) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{}='{}' is no number from 0 to 65535", name, text));
  }
  return static_cast<int>(value);
}

}  // namespace

ProcessPlace place_from_environment() {
  ProcessPlace place;
  place.size = number("WORLD_SIZE", 1);
  place.rank = number("RANK", 0);
  place.local_rank = number("LOCAL_RANK", place.rank);
  if (place.rank >= place.size) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("RANK={} with WORLD_SIZE={}", place.rank, place.size));
  }
  if (place.size == 1) return place;
  const char* address = std::getenv("MASTER_ADDR");
  place.master_address = address == nullptr ? "127.0.0.1" : address;
  place.master_port = number("MASTER_PORT", 29500);
  return place;
}

DataParallel::DataParallel(const ProcessPlace& place, torch::Device device)
    : rank_(place.rank), size_(place.size) {
  if (size_ > 1) group_ = std::make_shared<ProcessGroup>(place, device);
}

void DataParallel::sum(torch::Tensor& tensor) const {
  if (group_) group_->sum({tensor});
}

void DataParallel::mean(torch::Tensor& tensor) const {
  if (!group_) return;
  sum(tensor);
  tensor.div_(size_);
}

void DataParallel::mean_in_buckets(torch::Tensor& flat) const {
  if (!group_) return;
  group_->sum(flat.split(kBucket));
  flat.div_(size_);
}

void DataParallel::broadcast(torch::Tensor& tensor) const {
  if (group_) group_->broadcast(tensor);
}

}  // namespace resnet::train
