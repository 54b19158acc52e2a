// What a file holds, before it is known to be a ResNet: the common result of every format's reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <resnet/model.hpp>
#include <resnet/tensor.hpp>

namespace resnet::formats {

// A tensor as it lies in the file. Nothing is copied or converted until the loader has seen that the
// architecture wants it, so that a hostile file cannot make us allocate for tensors of its invention.
struct RawTensor {
  DType dtype = DType::f32;
  Shape shape{};
  std::vector<std::int64_t> strides{};  // in elements, never negative; empty: dense row-major
  // The element [0, 0, ...]. The reader guarantees that all elements lie inside what `owner` keeps alive.
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner{};
  bool evictable = false;
};

// Dense fp32 values of f32, f16, bf16 and f64 tensors: a view into the file where they are dense and
// aligned fp32 already, else one copy. Throws Error{unsupported} for integers, naming `name`.
Tensor to_dense_f32(const RawTensor& raw, const std::string& name);

// Dense values of `dtype` as they lie in the file (a view, or a copy where they are not aligned). Throws
// Error{unsupported} for another type, naming `name`.
Tensor to_dense(const RawTensor& raw, DType dtype, const std::string& name);

// shape.numel(), for shapes out of files: an error that it throws names `what`.
std::int64_t numel_of(const Shape& shape, const std::string& what);

// What a file says beside its tensors; absent where it says nothing.
struct Facts {
  std::optional<std::string> model;    // "resnet18", "resnet34", "resnet50"
  std::optional<Precision> precision;  // absent: fp32
  std::optional<Quantization> quantization;
  std::optional<Preprocess> preprocess;
  std::optional<Head> head;
  std::vector<std::string> labels;
};

struct RawModel {
  std::map<std::string, RawTensor, std::less<>> tensors;
  std::map<std::string, TensorKind, std::less<>> kinds;  // where the format states them (manifest)
  Facts facts;
};

}  // namespace resnet::formats
