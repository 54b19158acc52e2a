#include "verify/tensor_file.hpp"

#include "core/atomic_file.hpp"
#include "core/mapped_file.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor files are copied byte by byte");

template <class T>
std::vector<T> read(const std::filesystem::path& path, const Shape& shape) {
  const auto file = MappedFile::open(path);
  const std::span<const std::byte> bytes = file->bytes();
  const auto expected = static_cast<std::size_t>(shape.numel()) * sizeof(T);
  if (bytes.size() != expected) {
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: {} bytes, but {} of {}-byte values takes {}", path.string(), bytes.size(),
                            shape.to_string(), sizeof(T), expected));
  }
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

std::vector<float> read_f32(const std::filesystem::path& path, const Shape& shape) {
  return read<float>(path, shape);
}

std::vector<double> read_f64(const std::filesystem::path& path, const Shape& shape) {
  return read<double>(path, shape);
}

std::vector<float> read_f32(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const std::size_t bytes = file->bytes().size();
  if (bytes % sizeof(float) != 0) {
    throw Error(ErrorCode::bad_format,
                fmt::format("{}: {} bytes is no whole number of fp32 values", path.string(), bytes));
  }
  return read<float>(path, Shape{static_cast<std::int64_t>(bytes / sizeof(float))});
}

void write_f32(const std::filesystem::path& path, std::span<const float> values) {
  AtomicFile file(path);
  file.write(std::as_bytes(values));
  file.commit();
}

}  // namespace resnet::verify
