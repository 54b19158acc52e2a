// How much of a GPU's memory a Session may take, and for what it is asked.
//
// Who compiles or runs names both for the calling thread (MemoryScope); whoever takes memory of a GPU
// meanwhile counts it there (cuda/memory.cpp). So nothing between the two has to hand a budget on.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace resnet {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t cap = 0) : cap_(cap) {}  // 0: as much as there is

  // Throws Error{out_of_memory} where `bytes` more would pass the cap.
  void take(std::uint64_t bytes, std::string_view purpose);
  void give_back(std::uint64_t bytes) noexcept;
  std::uint64_t used() const;

 private:
  const std::uint64_t cap_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
};

// The calling thread's budget and purpose for the life of this object; those before it come back afterwards.
class MemoryScope {
 public:
  // `purpose` as in "the weights of resnet50", and stays where it is that long.
  MemoryScope(std::shared_ptr<MemoryBudget> budget, std::string_view purpose) noexcept;
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

  // Null and "memory" outside every scope.
  static const std::shared_ptr<MemoryBudget>& budget() noexcept;
  static std::string_view purpose() noexcept;

 private:
  std::shared_ptr<MemoryBudget> budget_before_;
  std::string_view purpose_before_;
};

// "1.50 GiB", "12.3 MiB".
std::string describe_memory(std::uint64_t bytes);

}  // namespace resnet
