#include "core/memory_budget.hpp"

#include <utility>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet {
namespace {

thread_local std::shared_ptr<MemoryBudget> current_budget;
thread_local std::string_view current_purpose = "memory";

}  // namespace

void MemoryBudget::take(std::uint64_t bytes, std::string_view purpose) {
  const std::lock_guard lock(mutex_);
  if (cap_ != 0 && (bytes > cap_ || used_ > cap_ - bytes)) {
    throw Error(
        ErrorCode::out_of_memory,
        fmt::format("{} needs {} more of a GPU's memory, of which {} are in use and {} allowed: lower "
                    "--batch, or raise --gpu-memory",
                    purpose, describe_memory(bytes), describe_memory(used_), describe_memory(cap_)));
  }
  used_ += bytes;
}

void MemoryBudget::give_back(std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

std::uint64_t MemoryBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

MemoryScope::MemoryScope(std::shared_ptr<MemoryBudget> budget, std::string_view purpose) noexcept
    : budget_before_(std::exchange(current_budget, std::move(budget))),
      purpose_before_(std::exchange(current_purpose, purpose)) {}

MemoryScope::~MemoryScope() {
  current_budget = std::move(budget_before_);
  current_purpose = purpose_before_;
}

const std::shared_ptr<MemoryBudget>& MemoryScope::budget() noexcept {
  return current_budget;
}

std::string_view MemoryScope::purpose() noexcept {
  return current_purpose;
}

std::string describe_memory(std::uint64_t bytes) {
  constexpr double kMebi = 1024.0 * 1024.0;
  const double mebi = static_cast<double>(bytes) / kMebi;
  return mebi < 1024 ? fmt::format("{:.1f} MiB", mebi) : fmt::format("{:.2f} GiB", mebi / 1024);
}

}  // namespace resnet
