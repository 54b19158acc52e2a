// TFRecord, the framing of TensorBoard's event files, and CRC-32C, which it checks itself with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace resnet::train {

// CRC-32C (Castagnoli: reflected polynomial 0x82F63B78, initial value and final xor all ones; RFC 3720, B.4).
std::uint32_t crc32c(std::string_view bytes);

// One record, all little-endian:
//
//   length of the data  u64
//   masked CRC of those 8 bytes  u32
//   data
//   masked CRC of the data  u32
//
// A masked CRC is the CRC rotated right by 15 bits plus a constant, because a CRC over bytes that contain
// their own CRC says little.
std::string tfrecord(std::string_view data);

}  // namespace resnet::train
