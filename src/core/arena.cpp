#include "core/arena.hpp"

#include <new>
#include <utility>

#include <sys/mman.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::size_t mapped_bytes(std::size_t floats) {
  return (floats * sizeof(float) + 4095) / 4096 * 4096;
}

}  // namespace

Arena::Arena(std::size_t floats) : size_(floats) {
  if (floats == 0) return;
  void* p = mmap(nullptr, mapped_bytes(floats), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  // Advice only: where huge pages are off or scarce, nothing changes.
  if (mapped_bytes(floats) >= kHugePage) madvise(p, mapped_bytes(floats), MADV_HUGEPAGE);
  data_ = static_cast<float*>(p);
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, mapped_bytes(size_));
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      used_(std::exchange(other.used_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  return *this;
}

float* Arena::take(std::size_t count) {
  if (padded(count) > size_ - used_) throw Error(ErrorCode::internal, "an arena was planned too small");
  float* piece = data_ + used_;
  used_ += padded(count);
  return piece;
}

}  // namespace resnet
