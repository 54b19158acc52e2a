// Writing tensors to files.
#pragma once

#include "core/atomic_file.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include <resnet/tensor.hpp>

namespace resnet::formats {

inline std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.data(), tensor.bytes()};
}

// In pieces, so that the file's buffer stays small whatever the tensor's size.
inline void write_in_pieces(AtomicFile& file, std::span<const std::byte> bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size()))) {
    file.write(bytes.first(std::min(kPiece, bytes.size())));
  }
}

}  // namespace resnet::formats
