// Separable antialiased resampling of 8-bit RGB in fixed point, bit-equal to Pillow's.
//
// Along one axis, output position i (pixel centre c = from + (i + 0.5) * scale, scale = (to - from) / out) is
//     out[i] = clip8((2^21 + sum_j weight[i][j] * in[first[i] + j]) >> 22)
// where the filter (triangle, or cubic with a = -0.5) is stretched by max(scale, 1), its weights are
// normalised in double and rounded to 22 fractional bits. Columns first, rows second, 8 bits between.
// All sums are integers, so any order and any instruction set gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <resnet/preprocess.hpp>

namespace resnet::image {

inline constexpr int kWeightBits = 32 - 8 - 2;  // room for 8 bits of pixel and the cubic's overshoot

// The weights of output positions [begin, end) of one axis.
struct ResampleAxis {
  struct Taps {
    int first;  // first input position
    int count;  // >= 1
  };
  int in_size = 0;
  bool identity = false;              // every output position is one of the input: the pass is left out
  int stride = 0;                     // weights a position; a multiple of 4, unused ones are 0
  std::vector<Taps> taps;             // [end - begin]
  std::vector<std::int32_t> weights;  // [end - begin][stride]
  // The same weights for 16-bit multiply-add, a group of four taps in eight numbers:
  //     h0 h1 h2 h3 l0 l1 l2 l3      weight = h * 2^15 + l,  0 <= l < 2^15
  std::vector<std::int16_t> split_weights;  // [end - begin][stride * 2]

  int size() const { return static_cast<int>(taps.size()); }
  int input_begin() const { return taps.front().first; }
  int input_end() const { return taps.back().first + taps.back().count; }
  std::span<const std::int32_t> weights_of(int i) const {
    const auto n = static_cast<std::size_t>(stride);
    return {weights.data() + static_cast<std::size_t>(i) * n, n};
  }
  const std::int16_t* split_weights_of(int i) const {
    return split_weights.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(stride) * 2;
  }
};

ResampleAxis make_axis(int in_size, int out_size, int begin, int end, Interpolation interpolation);

// The same for the part [from, to) of an input axis, as Pillow's resize(box=...): the filter may reach over
// the ends of the part, into what lies beside it. 0 <= from < to <= in_size.
ResampleAxis make_axis(int in_size, double from, double to, int out_size, int begin, int end,
                       Interpolation interpolation);

// The two inner loops, one pair an instruction set.
struct ResampleKernels {
  const char* isa;
  // One row. in: RGB of the whole axis, position `in_origin` first, of which `readable` bytes may be
  // read; out: axis.size() RGB pixels, with 4 spare bytes behind them that may be overwritten.
  void (*columns)(const ResampleAxis& axis, const std::uint8_t* in, int in_origin, std::size_t readable,
                  std::uint8_t* out);
  // One output row of `bytes` bytes from axis.taps[i].count rows; rows[j] belongs to the j-th tap.
  void (*rows)(const ResampleAxis& axis, int i, const std::uint8_t* const* rows, std::size_t bytes,
               std::uint8_t* out);
};

const ResampleKernels& portable_resample_kernels() noexcept;
const ResampleKernels* avx2_resample_kernels() noexcept;  // null where not built or not supported
const ResampleKernels& best_resample_kernels() noexcept;

// Resamples the part of a picture that `columns` and `rows` describe. `pixels` holds the picture from
// (left, top) on and must cover what both axes read. Output: rows.size() rows of columns.size() RGB
// pixels at `out`, a row every `out_stride` bytes.
void resample(const ResampleKernels& kernels, const Image& pixels, int left, int top,
              const ResampleAxis& columns, const ResampleAxis& rows, std::uint8_t* out,
              std::size_t out_stride);

}  // namespace resnet::image
