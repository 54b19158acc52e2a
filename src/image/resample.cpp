#include "image/resample.hpp"

#include "core/cpu_features.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <resnet/error.hpp>

namespace resnet::image {
namespace {

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);
constexpr std::size_t kMaxRingBytes = std::size_t{256} << 20;
constexpr std::size_t kRowSlack = 32;  // bytes behind a row that kernels may overwrite

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic with a = -0.5. The order of operations fixes the last bit and follows Pillow's.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

std::uint8_t clip8(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

void split(ResampleAxis& axis) {
  axis.split_weights.resize(axis.weights.size() * 2);
  for (std::size_t group = 0; group < axis.weights.size(); group += 4) {
    for (std::size_t j = 0; j < 4; ++j) {
      const std::int32_t w = axis.weights[group + j];
      axis.split_weights[group * 2 + j] = static_cast<std::int16_t>(w >> 15);
      axis.split_weights[group * 2 + 4 + j] = static_cast<std::int16_t>(w & 0x7fff);
    }
  }
}

void columns_portable(const ResampleAxis& axis, const std::uint8_t* in, int in_origin,
                      std::size_t /*readable*/, std::uint8_t* out) {
  for (int i = 0; i < axis.size(); ++i, out += 3) {
    const ResampleAxis::Taps taps = axis.taps[static_cast<std::size_t>(i)];
    const std::int32_t* weight = axis.weights_of(i).data();
    const std::uint8_t* pixel = in + static_cast<std::size_t>(taps.first - in_origin) * 3;
    std::int32_t r = kHalf;
    std::int32_t g = kHalf;
    std::int32_t b = kHalf;
    for (int j = 0; j < taps.count; ++j, pixel += 3) {
      r += weight[j] * pixel[0];
      g += weight[j] * pixel[1];
      b += weight[j] * pixel[2];
    }
    out[0] = clip8(r);
    out[1] = clip8(g);
    out[2] = clip8(b);
  }
}

void rows_portable(const ResampleAxis& axis, int i, const std::uint8_t* const* rows, std::size_t bytes,
                   std::uint8_t* out) {
  const int count = axis.taps[static_cast<std::size_t>(i)].count;
  const std::int32_t* weight = axis.weights_of(i).data();
  for (std::size_t x = 0; x < bytes; ++x) {
    std::int32_t sum = kHalf;
    for (int j = 0; j < count; ++j) sum += weight[j] * rows[j][x];
    out[x] = clip8(sum);
  }
}

}  // namespace

ResampleAxis make_axis(int in_size, int out_size, int begin, int end, Interpolation interpolation) {
  return make_axis(in_size, 0, in_size, out_size, begin, end, interpolation);
}

ResampleAxis make_axis(int in_size, double from, double to, int out_size, int begin, int end,
                       Interpolation interpolation) {
  ResampleAxis axis;
  axis.in_size = in_size;
  axis.taps.reserve(static_cast<std::size_t>(end - begin));
  if (to - from == out_size && from == std::floor(from)) {
    axis.identity = true;
    for (int i = begin; i < end; ++i) axis.taps.push_back({static_cast<int>(from) + i, 1});
    return axis;
  }

  const bool bilinear = interpolation == Interpolation::bilinear;
  const double scale = (to - from) / out_size;
  const double stretch = std::max(scale, 1.0);
  const double support = (bilinear ? 1.0 : 2.0) * stretch;
  const double inverse_stretch = 1.0 / stretch;
  const int most_taps = std::min(static_cast<int>(std::ceil(support)) * 2 + 1, in_size);
  axis.stride = (most_taps + 3) / 4 * 4;
  axis.weights.resize(static_cast<std::size_t>(end - begin) * static_cast<std::size_t>(axis.stride));

  std::vector<double> exact(static_cast<std::size_t>(most_taps));
  for (int i = begin; i < end; ++i) {
    const double center = from + (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), in_size);
    const int count = last - first;
    double sum = 0.0;
    for (int j = 0; j < count; ++j) {
      const double x = (j + first - center + 0.5) * inverse_stretch;
      exact[static_cast<std::size_t>(j)] = bilinear ? triangle(x) : cubic(x);
      sum += exact[static_cast<std::size_t>(j)];
    }
    std::int32_t* weight =
        axis.weights.data() + static_cast<std::size_t>(i - begin) * static_cast<std::size_t>(axis.stride);
    for (int j = 0; j < count; ++j) {
      double w = exact[static_cast<std::size_t>(j)];
      if (sum != 0.0) w /= sum;
      weight[j] = to_fixed(w);
    }
    axis.taps.push_back({first, count});
  }
  split(axis);
  return axis;
}

const ResampleKernels& portable_resample_kernels() noexcept {
  static constexpr ResampleKernels kernels{"portable", columns_portable, rows_portable};
  return kernels;
}

#if !defined(RESNET_IMAGE_AVX2)
const ResampleKernels* avx2_resample_kernels() noexcept {
  return nullptr;
}
#endif

const ResampleKernels& best_resample_kernels() noexcept {
  const ResampleKernels* avx2 = cpu_features().avx2_fma ? avx2_resample_kernels() : nullptr;
  return avx2 != nullptr ? *avx2 : portable_resample_kernels();
}

void resample(const ResampleKernels& kernels, const Image& pixels, int left, int top,
              const ResampleAxis& columns, const ResampleAxis& rows, std::uint8_t* out,
              std::size_t out_stride) {
  const std::size_t bytes = static_cast<std::size_t>(columns.size()) * 3;
  const std::uint8_t* const end = pixels.rgb.data() + pixels.rgb.size();

  // Rows after the column pass, each kept for as long as a later output row can still need it. Where
  // the column pass is left out the picture's own rows serve.
  int ring_rows = 1;
  for (const ResampleAxis::Taps& taps : rows.taps) ring_rows = std::max(ring_rows, taps.count);
  const std::size_t ring_stride = bytes + kRowSlack;
  std::vector<std::uint8_t> ring;
  if (!columns.identity) {
    if (static_cast<std::size_t>(ring_rows) > kMaxRingBytes / ring_stride) {
      throw Error(ErrorCode::too_large,
                  "a picture this tall cannot be scaled down to so few rows: crop or scale it first");
    }
    ring.resize(static_cast<std::size_t>(ring_rows) * ring_stride);
  }
  int done = rows.input_begin();  // rows below this have been through the column pass
  const auto row = [&](int y) -> const std::uint8_t* {
    const std::uint8_t* in = pixels.row(y - top);
    if (columns.identity) return in + static_cast<std::size_t>(columns.input_begin() - left) * 3;
    std::uint8_t* slot = ring.data() + static_cast<std::size_t>(y % ring_rows) * ring_stride;
    if (y >= done) {
      kernels.columns(columns, in, left, static_cast<std::size_t>(end - in), slot);
      done = y + 1;
    }
    return slot;
  };

  std::vector<const std::uint8_t*> sources(static_cast<std::size_t>(ring_rows));
  for (int i = 0; i < rows.size(); ++i) {
    const ResampleAxis::Taps taps = rows.taps[static_cast<std::size_t>(i)];
    for (int j = 0; j < taps.count; ++j) sources[static_cast<std::size_t>(j)] = row(taps.first + j);
    std::uint8_t* to = out + static_cast<std::size_t>(i) * out_stride;
    if (rows.identity) {
      std::memcpy(to, sources[0], bytes);
    } else {
      kernels.rows(rows, i, sources.data(), bytes, to);
    }
  }
}

}  // namespace resnet::image
