// The records of the zip format that the reader and the writer share (PKWARE's APPNOTE, section 4.3).
#pragma once

#include <cstddef>
#include <cstdint>

namespace resnet::formats::zip {

inline constexpr std::uint32_t kLocalSignature = 0x04034b50;
inline constexpr std::uint32_t kCentralSignature = 0x02014b50;
inline constexpr std::uint32_t kEndSignature = 0x06054b50;
inline constexpr std::uint32_t kEnd64Signature = 0x06064b50;
inline constexpr std::uint32_t kEnd64LocatorSignature = 0x07064b50;

// Sizes of the fixed parts; names, extra fields and comments follow.
inline constexpr std::size_t kLocalSize = 30;
inline constexpr std::size_t kCentralSize = 46;
inline constexpr std::size_t kEndSize = 22;
inline constexpr std::size_t kEnd64Size = 56;
inline constexpr std::size_t kEnd64LocatorSize = 20;

inline constexpr std::uint16_t kZip64Extra = 0x0001;
inline constexpr std::uint16_t kFlagEncrypted = 1u << 0;
inline constexpr std::uint16_t kFlagUtf8 = 1u << 11;

// A field that holds all ones has its true value in the zip64 records.
inline constexpr std::uint16_t kEscape16 = 0xffff;
inline constexpr std::uint32_t kEscape32 = 0xffffffff;

}  // namespace resnet::formats::zip
