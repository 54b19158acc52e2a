// Tensors as bare little-endian files, row-major, without a header: what numpy's tofile writes.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include <resnet/tensor.hpp>

namespace resnet::verify {

// Throws Error: not_found, io; shape_mismatch where the size is not that of `shape`, naming both.
std::vector<float> read_f32(const std::filesystem::path& path, const Shape& shape);
std::vector<double> read_f64(const std::filesystem::path& path, const Shape& shape);

// All of a file, whatever its size (a multiple of 4 bytes).
std::vector<float> read_f32(const std::filesystem::path& path);

// Throws Error{io}; the file appears complete or not at all.
void write_f32(const std::filesystem::path& path, std::span<const float> values);

}  // namespace resnet::verify
