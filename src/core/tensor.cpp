#include <bit>
#include <cstring>
#include <limits>

#include <sys/mman.h>
#include <unistd.h>

#include <resnet/error.hpp>
#include <resnet/tensor.hpp>

namespace resnet {

std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
      return 2;
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 1;
}

std::string_view to_string(DType dtype) noexcept {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::f64:
      return "f64";
    case DType::i64:
      return "i64";
    case DType::i32:
      return "i32";
    case DType::i16:
      return "i16";
    case DType::i8:
      return "i8";
    case DType::u8:
      return "u8";
    case DType::boolean:
      return "bool";
  }
  return "?";
}

std::int64_t Shape::numel() const {
  std::int64_t n = 1;
  for (const std::int64_t d : dims_) {
    if (d < 0) throw Error(ErrorCode::bad_format, "shape " + to_string() + " has a negative dimension");
    if (__builtin_mul_overflow(n, d, &n)) {
      throw Error(ErrorCode::too_large, "shape " + to_string() + " has too many elements");
    }
  }
  return n;
}

std::string Shape::to_string() const {
  std::string s = "[";
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    if (i) s += ", ";
    s += std::to_string(dims_[i]);
  }
  return s + "]";
}

namespace {

void require_count(const Shape& shape, std::size_t count) {
  if (shape.numel() != static_cast<std::int64_t>(count)) {
    throw Error(ErrorCode::invalid_argument, "a tensor of shape " + shape.to_string() + " cannot hold " +
                                                 std::to_string(count) + " values");
  }
}

template <class T>
Tensor copy_values(DType dtype, Shape shape, std::span<const T> values) {
  require_count(shape, values.size());
  auto owner = std::make_shared<std::vector<T>>(values.begin(), values.end());
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return Tensor::view(dtype, std::move(shape), data, std::move(owner), false);
}

}  // namespace

Tensor Tensor::from(Shape shape, std::span<const float> values) {
  return copy_values(DType::f32, std::move(shape), values);
}

Tensor Tensor::from(Shape shape, std::span<const std::int64_t> values) {
  return copy_values(DType::i64, std::move(shape), values);
}

Tensor Tensor::adopt(Shape shape, std::vector<float> values) {
  require_count(shape, values.size());
  auto owner = std::make_shared<std::vector<float>>(std::move(values));
  const auto* data = reinterpret_cast<const std::byte*>(owner->data());
  return view(DType::f32, std::move(shape), data, std::move(owner), false);
}

Tensor Tensor::view(DType dtype, Shape shape, const std::byte* data, std::shared_ptr<const void> owner,
                    bool pages_evictable) {
  Tensor t;
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.data_ = data;
  t.owner_ = std::move(owner);
  t.pages_evictable_ = pages_evictable;
  return t;
}

std::span<const float> Tensor::f32() const {
  if (dtype_ != DType::f32) {
    throw Error(ErrorCode::invalid_argument,
                "fp32 values asked of a tensor of type " + std::string(resnet::to_string(dtype_)));
  }
  return {reinterpret_cast<const float*>(data_), static_cast<std::size_t>(numel())};
}

Tensor Tensor::to_f32() const {
  if (dtype_ == DType::f32) return *this;
  std::vector<float> values(static_cast<std::size_t>(numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::byte* p = data_ + i * size_of(dtype_);
    if (dtype_ == DType::f64) {
      double v;
      std::memcpy(&v, p, sizeof v);
      values[i] = static_cast<float>(v);
    } else if (dtype_ == DType::f16 || dtype_ == DType::bf16) {
      std::uint16_t bits;
      std::memcpy(&bits, p, sizeof bits);
      values[i] = dtype_ == DType::f16 ? half_to_float(bits) : bfloat16_to_float(bits);
    } else {
      throw Error(ErrorCode::unsupported, "a tensor of type " + std::string(resnet::to_string(dtype_)) +
                                              " cannot serve as fp32 weights");
    }
  }
  return adopt(shape_, std::move(values));
}

void Tensor::evict() const noexcept {
  if (!pages_evictable_ || data_ == nullptr) return;
  // Only pages that lie wholly inside the tensor: neighbours on shared pages may still be in use.
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(data_);
  const std::uintptr_t begin = (first + page - 1) / page * page;
  const std::uintptr_t end = (first + bytes()) / page * page;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

float half_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0) {
    // Zero and subnormals: mantissa * 2^-24 is exact in fp32.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

float bfloat16_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace resnet
