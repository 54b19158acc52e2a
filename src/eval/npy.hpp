// NumPy's .npy files of fp32 matrices: how logits are exchanged with Python.
#pragma once

#include "core/atomic_file.hpp"
#include "core/mapped_file.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace resnet::eval {

// A matrix of rows x columns that lies in a mapped file.
class NpyMatrix {
 public:
  // Reads versions 1–3, little-endian fp32 in C order, of two dimensions. Throws Error: not_found, io,
  // bad_format, truncated, unsupported (other types and orders, named).
  explicit NpyMatrix(const std::filesystem::path& path);

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t columns() const noexcept { return columns_; }
  std::span<const float> row(std::int64_t i) const { return values_.subspan(i * columns_, columns_); }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<float> copy_;  // where the header leaves the values unaligned
  std::int64_t rows_ = 0, columns_ = 0;
  std::span<const float> values_;
};

// Writes a matrix row by row; the file appears under its name at commit().
class NpyWriter {
 public:
  NpyWriter(const std::filesystem::path& path, std::int64_t rows, std::int64_t columns);

  // The next row. Throws Error{invalid_argument} where it is not of `columns` values or one too many.
  void write_row(std::span<const float> values);
  // Throws Error{invalid_argument} where rows are missing.
  void commit();

 private:
  AtomicFile file_;
  std::int64_t rows_, columns_, written_ = 0;
};

}  // namespace resnet::eval
