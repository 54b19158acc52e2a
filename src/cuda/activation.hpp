// A tensor of activations on the device: NHWC; in fp32 two planes of fp16, one tensor after the other, whose
// sum is the value (elements.cuh).
#pragma once

#include <cstddef>
#include <cstdint>

#include <resnet/precision.hpp>

namespace resnet::cuda {

constexpr int planes_of(Precision precision) {
  return precision == Precision::fp32 ? 2 : 1;
}
constexpr int element_bytes_of(Precision precision) {
  return precision == Precision::int8 ? 1 : 2;
}

// Side of the output of 7 × 7, stride 2, padding 3 and of 3 × 3, stride 2, padding 1 alike.
constexpr int stem_side(int side) {
  return (side - 1) / 2 + 1;
}

struct Activation {
  void* data = nullptr;
  int n = 0, h = 0, w = 0, c = 0;

  std::int64_t pixels() const { return std::int64_t{n} * h * w; }
  std::size_t elements() const {
    return static_cast<std::size_t>(pixels()) * static_cast<std::size_t>(c);
  }  // a plane
  std::size_t bytes(Precision precision) const {
    return elements() * static_cast<std::size_t>(planes_of(precision) * element_bytes_of(precision));
  }
};

// The stem's input: rows padded on all sides and to whole windows, so that conv1 reads eight neighbouring
// pixels of `channels` elements each (the last ones have no weight) as one run of k. [planes][n][h +
// 6][width][channels]
struct StemInput {
  void* data = nullptr;
  int n = 0, h = 0, w = 0;  // of the picture

  int out_h() const { return stem_side(h); }
  int out_w() const { return stem_side(w); }
  int rows() const { return h + 6; }
  int width() const { return 2 * out_w() + 6; }
  static constexpr int channels(Precision precision) { return precision == Precision::int8 ? 8 : 4; }
  std::size_t elements(Precision precision) const {  // a plane
    return static_cast<std::size_t>(n) * static_cast<std::size_t>(rows()) *
           static_cast<std::size_t>(width()) * static_cast<std::size_t>(channels(precision));
  }
  std::size_t bytes(Precision precision) const {
    return elements(precision) * static_cast<std::size_t>(planes_of(precision) * element_bytes_of(precision));
  }
};

}  // namespace resnet::cuda
