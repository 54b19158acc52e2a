#include "model/raw_model.hpp"

#include "model/file_view.hpp"

#include <cstring>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::formats {
namespace {

bool is_dense(const RawTensor& raw) {
  if (raw.strides.empty()) return true;
  std::int64_t expected = 1;
  for (std::size_t d = raw.shape.rank(); d-- > 0;) {
    // The stride of a dimension of one element is never used; PyTorch leaves anything there.
    if (raw.shape[d] != 1 && raw.strides[d] != expected) return false;
    expected *= raw.shape[d];
  }
  return true;
}

float load_as_float(DType dtype, const std::byte* p) noexcept {
  switch (dtype) {
    case DType::f16:
      return half_to_float(load_le<std::uint16_t>(p));
    case DType::bf16:
      return bfloat16_to_float(load_le<std::uint16_t>(p));
    case DType::f64:
      return static_cast<float>(load_le<double>(p));
    default:
      return load_le<float>(p);
  }
}

}  // namespace

std::int64_t numel_of(const Shape& shape, const std::string& what) {
  try {
    return shape.numel();
  } catch (const Error& e) {
    throw Error(e.code(), what + ": " + e.what());
  }
}

Tensor to_dense_f32(const RawTensor& raw, const std::string& name) {
  if (raw.dtype != DType::f32 && raw.dtype != DType::f16 && raw.dtype != DType::bf16 &&
      raw.dtype != DType::f64) {
    throw Error(ErrorCode::unsupported, name + " holds " + std::string(to_string(raw.dtype)) +
                                            " values; weights must be fp32, fp16, bf16 or fp64");
  }
  const bool dense = is_dense(raw);
  const bool aligned = reinterpret_cast<std::uintptr_t>(raw.data) % alignof(float) == 0;
  if (dense && aligned && raw.dtype == DType::f32) {
    return Tensor::view(DType::f32, raw.shape, raw.data, raw.owner, raw.evictable);
  }

  std::vector<float> values(static_cast<std::size_t>(raw.shape.numel()));
  const std::size_t item = size_of(raw.dtype);
  if (dense) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = load_as_float(raw.dtype, raw.data + i * item);
    return Tensor::adopt(raw.shape, std::move(values));
  }
  // An odometer over the indices, the last dimension fastest.
  std::vector<std::int64_t> index(raw.shape.rank(), 0);
  std::int64_t offset = 0;
  for (float& value : values) {
    value = load_as_float(raw.dtype, raw.data + static_cast<std::size_t>(offset) * item);
    for (std::size_t d = raw.shape.rank(); d-- > 0;) {
      offset += raw.strides[d];
      if (++index[d] < raw.shape[d]) break;
      offset -= raw.strides[d] * raw.shape[d];
      index[d] = 0;
    }
  }
  return Tensor::adopt(raw.shape, std::move(values));
}

Tensor to_dense(const RawTensor& raw, DType dtype, const std::string& name) {
  if (dtype == DType::f32) return to_dense_f32(raw, name);
  if (raw.dtype != dtype || !is_dense(raw)) {
    throw Error(ErrorCode::unsupported,
                fmt::format("{} holds {} values; a quantised model needs dense {} there", name,
                            to_string(raw.dtype), to_string(dtype)));
  }
  if (reinterpret_cast<std::uintptr_t>(raw.data) % size_of(dtype) == 0)
    return Tensor::view(dtype, raw.shape, raw.data, raw.owner, raw.evictable);
  const std::size_t bytes = static_cast<std::size_t>(raw.shape.numel()) * size_of(dtype);
  auto owner =
      std::make_shared<std::vector<std::int64_t>>(bytes / sizeof(std::int64_t) + 1);  // for its alignment
  std::memcpy(owner->data(), raw.data, bytes);
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return Tensor::view(dtype, raw.shape, data, std::move(owner), false);
}

}  // namespace resnet::formats
