// A 64-bit fingerprint of bytes: to notice a change, not to withstand an attacker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace resnet {

class ContentHash {
 public:
  void add(std::span<const std::byte> bytes) noexcept;
  void add(std::string_view text) noexcept;  // with its length, so that "ab" + "c" differs from "a" + "bc"
  void add(std::uint64_t value) noexcept;
  std::string hex() const;  // 16 digits

 private:
  std::uint64_t state_ = 0x9ae16a3b2f90404fULL;
};

}  // namespace resnet
