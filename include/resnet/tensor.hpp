// Shapes, element types, and the immutable tensor that holds a model's weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resnet {

enum class DType { f32, f16, bf16, f64, i64, i32, i16, i8, u8, boolean };

std::size_t size_of(DType dtype) noexcept;         // bytes an element
std::string_view to_string(DType dtype) noexcept;  // "f32", "bf16", ...

// Dimensions, outermost first. Activations are N, C, H, W; convolution weights O, I, H, W.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  std::size_t rank() const noexcept { return dims_.size(); }
  std::int64_t operator[](std::size_t i) const noexcept { return dims_[i]; }
  const std::vector<std::int64_t>& dims() const noexcept { return dims_; }

  // Number of elements (1 for rank 0). Throws Error{too_large} on overflow and Error{bad_format} on
  // a negative dimension, so that it can be used on shapes read from files.
  std::int64_t numel() const;
  std::string to_string() const;  // "[64, 3, 7, 7]"

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::vector<std::int64_t> dims_;
};

// Immutable, dense, row-major, shared. The bytes may be owned or lie in a memory-mapped file; copies
// of a Tensor share them. Data is aligned to at least the element size.
class Tensor {
 public:
  Tensor() = default;

  // Copies `values`. values.size() must equal shape.numel().
  static Tensor from(Shape shape, std::span<const float> values);
  static Tensor from(Shape shape, std::span<const std::int64_t> values);
  // Takes over a vector without copying.
  static Tensor adopt(Shape shape, std::vector<float> values);
  // A view of `data`, kept alive by `owner`. `pages_evictable` says that the bytes are clean pages of
  // a mapped file, so that evict() may drop them.
  static Tensor view(DType dtype, Shape shape, const std::byte* data, std::shared_ptr<const void> owner,
                     bool pages_evictable);

  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  std::int64_t numel() const { return data_ ? shape_.numel() : 0; }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype_); }
  const std::byte* data() const noexcept { return data_; }
  bool empty() const noexcept { return data_ == nullptr; }

  // The elements as fp32. Throws Error{invalid_argument} for any other dtype.
  std::span<const float> f32() const;
  // This tensor as fp32: itself where it is fp32 already, a converted copy for f16, bf16 and f64.
  Tensor to_f32() const;

  // Tells the kernel that the pages under this tensor may leave memory (they come back from the
  // file when read again). Sessions call it once weights are packed; it is a no-op on owned memory.
  void evict() const noexcept;

 private:
  DType dtype_ = DType::f32;
  Shape shape_;
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  bool pages_evictable_ = false;
};

// IEEE half and bfloat16 bit patterns to fp32 (exact).
float half_to_float(std::uint16_t bits) noexcept;
float bfloat16_to_float(std::uint16_t bits) noexcept;

}  // namespace resnet
