#include "core/arena.hpp"

#include <new>
#include <utility>

#include <sys/mman.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

std::size_t mapped_bytes(std::size_t bytes) {
  return (bytes + 4095) / 4096 * 4096;
}

}  // namespace

Arena::Arena(std::size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  void* p = mmap(nullptr, mapped_bytes(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  // Advice only: where huge pages are off or scarce, nothing changes.
  if (mapped_bytes(bytes) >= kHugePage) madvise(p, mapped_bytes(bytes), MADV_HUGEPAGE);
  data_ = static_cast<std::byte*>(p);
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

std::byte* Arena::take(std::size_t bytes) {
  if (padded(bytes) > size_ - used_) throw Error(ErrorCode::internal, "an arena was planned too small");
  std::byte* piece = data_ + used_;
  used_ += padded(bytes);
  return piece;
}

}  // namespace resnet
