#include "verify/tolerance.hpp"

#include <array>
#include <limits>
#include <string>

#include <resnet/error.hpp>

namespace resnet::verify {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

struct Row {
  Precision precision;
  double max_abs_rel;
  double min_cosine;
};

constexpr std::array kTable{
    // PyTorch's own fp32 is up to 1.1e-5 from float64 (ResNet-50, layer2), and every sound algorithm
    // (direct, Winograd with well-chosen points) stays within 1.2e-5; the rest is room for the two to
    // disagree. Winograd F(6x6), or fp16 anywhere, breaks it.
    Row{Precision::fp32, 3e-5, 1 - 1e-9},
    // A 10-bit mantissa in the products, as fp16's, with fp32's range.
    Row{Precision::tf32, kUnbounded, 0.9995},
    Row{Precision::fp16, kUnbounded, 0.9995},
    // A 7-bit mantissa: single elements are off by up to 2^-8 of their own size, the direction is not.
    Row{Precision::bf16, kUnbounded, 0.9995},
};

// Real weights make logits of 10 to 30, so 1e-4 is about 3e-6 of them: what a user compares by eye.
constexpr double kTrainedLogits = 1e-4;
// ResNet-18's activations on photos stay below 50, where 1e-4 holds at every module; ResNet-50's conv1
// reaches 1,184, where PyTorch's fp32 itself is 6e-4 from float64.
constexpr double kTrainedResnet18OnPhotos = 1e-4;

}  // namespace

Tolerance tolerance(const Checkpoint& c) {
  for (const Row& row : kTable) {
    if (row.precision != c.precision) continue;
    Tolerance t{.max_abs_rel = row.max_abs_rel, .min_cosine = row.min_cosine, .max_abs = std::nullopt};
    if (c.precision == Precision::fp32 && c.trained) {
      if (c.module == "head") t.max_abs = kTrainedLogits;
      if (c.model == "resnet18" && c.photos) t.max_abs = kTrainedResnet18OnPhotos;
    }
    return t;
  }
  throw Error(ErrorCode::unsupported,
              std::string(to_string(c.precision)) +
                  " is not compared with PyTorch's fp32: there is no tolerance for it");
}

bool top1_must_match(Precision precision) noexcept {
  return precision == Precision::fp32;
}

}  // namespace resnet::verify
