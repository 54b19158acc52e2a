// How far from PyTorch is right: the project's numeric contract, in one table.
#pragma once

#include <optional>
#include <string_view>

#include <resnet/session.hpp>

namespace resnet::verify {

struct Tolerance {
  // Largest |ours - expected| as a part of the tensor's largest |expected|, and the least cosine.
  double max_abs_rel;
  double min_cosine;
  // Largest |ours - expected|, where the contract bounds it.
  std::optional<double> max_abs;
};

// What decides the tolerance of one module's output.
struct Checkpoint {
  Precision precision = Precision::fp32;
  std::string_view model = {};   // "resnet18"
  std::string_view module = {};  // "layer1.0", "head"
  bool trained = false;          // real weights, not a seeded random net
  bool photos = false;           // the input is photos, not random numbers
};

// Throws Error{unsupported} for a precision whose contract is not with PyTorch's fp32.
Tolerance tolerance(const Checkpoint& checkpoint);

// The same input preparation must give the same bits.
inline constexpr Tolerance kExact{.max_abs_rel = 0, .min_cosine = 1 - 1e-12, .max_abs = 0.0};

// The `reference` backend against PyTorch in float64, relative to the tensor's largest value.
inline constexpr double kReferenceFromFloat64 = 2e-6;

// True where the best class must be PyTorch's on every image.
bool top1_must_match(Precision precision) noexcept;

}  // namespace resnet::verify
