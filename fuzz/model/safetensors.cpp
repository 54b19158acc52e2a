// .safetensors: the header, and every byte of every tensor that it describes.
#include "model/safetensors.hpp"

#include <cstdint>

#include <resnet/error.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resnet;
  using namespace resnet::formats;
  const FileView file{"fuzz.safetensors", std::as_bytes(std::span(data, size)), nullptr, false};
  if (!is_safetensors(file)) return 0;
  try {
    for (const auto& [name, tensor] : read_safetensors(file).tensors) {
      try {
        const bool integers = tensor.dtype == DType::i8 || tensor.dtype == DType::u8;
        to_dense(tensor, integers ? tensor.dtype : DType::f32, name);
      } catch (const Error&) {
      }
    }
  } catch (const Error&) {
  }
  return 0;
}
