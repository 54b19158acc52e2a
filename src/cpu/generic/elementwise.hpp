// The operators that move or compare values but hardly compute: layout changes, subsampling, bn1 and ReLU on
// their own (sessions cut inside the stem), max pool, global average pool.
#pragma once

#include "cpu/generic/micro_kernel.hpp"

namespace resnet::cpu::generic {

// Calls f(n, block, y) for one member's share of all rows of an activation.
template <class S, class F>
RESNET_INLINE void for_rows(const Activation& a, int rank, int size, F&& f) {
  const int blocks = a.c / S::kLanes;
  const Share<S> share(static_cast<std::int64_t>(a.n) * blocks * a.h, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    f(unit / a.h / blocks, unit / a.h % blocks, unit % a.h);
  }
}

template <class S>
void scale_shift(const Activation& in, const float* scale, const float* shift, const Activation& out,
                 int rank, int size) {
  const Strides<S> is(in), os(out);
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    const typename S::Element* from = pixel(in, is, n, y, 0) + block * is.plane;
    typename S::Element* to = pixel(out, os, n, y, 0) + block * os.plane;
    const auto s = S::load(scale + block * S::kLanes), b = S::load(shift + block * S::kLanes);
    for (int x = 0; x < out.w * S::kLanes; x += S::kLanes) S::store(to + x, S::fma(S::load(from + x), s, b));
  });
}

template <class S>
void relu(const Activation& in, const Activation& out, int rank, int size) {
  const Strides<S> is(in), os(out);
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    const typename S::Element* from = pixel(in, is, n, y, 0) + block * is.plane;
    typename S::Element* to = pixel(out, os, n, y, 0) + block * os.plane;
    for (int x = 0; x < out.w * S::kLanes; x += S::kLanes)
      S::store(to + x, S::max(S::load(from + x), S::zero()));
  });
}

// out[y][x] = in[2y][2x]: what a 1x1 convolution of stride 2 reads. Packed without gaps its rows make one
// long row of pixels, as those of a 1x1 convolution of stride 1 do.
template <class S>
void subsample(const PoolArgs& a, int rank, int size) {
  const Strides<S> in(a.in), out(a.out);
  for_rows<S>(a.out, rank, size, [&](int n, int block, int y) {
    const typename S::Element* from = pixel(a.in, in, n, 2 * y, 0) + block * in.plane;
    typename S::Element* to = pixel(a.out, out, n, y, 0) + block * out.plane;
    for (int x = 0; x < a.out.w; ++x) S::store(to + x * S::kLanes, S::load(from + 2 * x * S::kLanes));
  });
}

// Row y of a 3x3, stride 2, padding 1 maximum over a plane of h rows of w pixels; row_at(r) is where row r
// begins.
template <class S, class RowAt>
RESNET_INLINE void pool_row(const RowAt& row_at, int h, int w, int y, typename S::Element* to, int out_w) {
  // Rows outside repeat the middle one, which changes no maximum; so do columns.
  const typename S::Element* middle = row_at(2 * y);
  const typename S::Element* top = y > 0 ? row_at(2 * y - 1) : middle;
  const typename S::Element* bottom = 2 * y + 1 < h ? row_at(2 * y + 1) : middle;
  const auto column = [&](int x) __attribute__((always_inline)) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(x) * S::kLanes;
    return S::max_ordered(S::max_ordered(S::load_ordered(top + at), S::load_ordered(bottom + at)),
                          S::load_ordered(middle + at));
  };
  auto left = column(0);
  for (int x = 0; x < out_w; ++x) {
    const auto right = column(2 * x + 1 < w ? 2 * x + 1 : 2 * x);
    S::store_ordered(to + x * S::kLanes, S::max_ordered(S::max_ordered(left, right), column(2 * x)));
    left = right;
  }
}

template <class S>
void max_pool(const PoolArgs& a, int rank, int size) {
  const Strides<S> in(a.in), out(a.out);
  for_rows<S>(a.out, rank, size, [&](int n, int block, int y) {
    const auto row_at = [&](int row) { return pixel(a.in, in, n, row, 0) + block * in.plane; };
    pool_row<S>(row_at, a.in.h, a.in.w, y, pixel(a.out, out, n, y, 0) + block * out.plane, a.out.w);
  });
}

template <class S>
void global_average_pool(const PoolArgs& a, int rank, int size) {
  constexpr int kLanes = S::kLanes;
  const Strides<S> in(a.in);
  const int blocks = a.in.c / kLanes;
  const auto count = S::set(static_cast<float>(a.in.h * a.in.w));
  const Share<S> share(static_cast<std::int64_t>(a.in.n) * blocks, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / blocks, block = unit % blocks;
    auto sum = S::zero();
    for (int y = 0; y < a.in.h; ++y) {
      const typename S::Element* from = pixel(a.in, in, n, y, 0) + block * in.plane;
      for (int x = 0; x < a.in.w; ++x) sum = S::add(sum, S::load(from + x * kLanes));
    }
    typename S::Element* means = static_cast<typename S::Element*>(a.out.data);
    S::store(means + (static_cast<std::ptrdiff_t>(block) * a.in.n + n) * kLanes, S::div(sum, count));
  }
}

template <class S>
void to_blocked(const float* nchw, const Activation& out, int rank, int size) {
  constexpr int kLanes = S::kLanes;
  const Strides<S> os(out);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(out.h) * out.w;
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    const float* from = nchw + (static_cast<std::ptrdiff_t>(n) * out.c + block * kLanes) * plane + y * out.w;
    typename S::Element* to = pixel(out, os, n, y, 0) + block * os.plane;
    for (int x = 0; x < out.w; ++x) {
      for (int lane = 0; lane < kLanes; ++lane) to[x * kLanes + lane] = S::to_element(from[lane * plane + x]);
    }
  });
}

// The first `channels` channels as NCHW; the blocked activation may have padding channels after them.
template <class S>
void from_blocked(const Activation& in, int channels, float* nchw, int rank, int size) {
  constexpr int kLanes = S::kLanes;
  const Strides<S> is(in);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(in.h) * in.w;
  for_rows<S>(in, rank, size, [&](int n, int block, int y) {
    const typename S::Element* from = pixel(in, is, n, y, 0) + block * is.plane;
    const int count = channels - block * kLanes < kLanes ? channels - block * kLanes : kLanes;
    for (int lane = 0; lane < count; ++lane) {
      float* to =
          nchw + (static_cast<std::ptrdiff_t>(n) * channels + block * kLanes + lane) * plane + y * in.w;
      for (int x = 0; x < in.w; ++x) to[x] = S::to_float(from[x * kLanes + lane]);
    }
  });
}

template <class S>
void zero_halo(const Activation& a, int rank, int size) {
  if (a.halo == 0) return;
  const Strides<S> s(a);
  const Share<S> share(static_cast<std::int64_t>(a.n) * (a.c / S::kLanes), rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    typename S::Element* plane = static_cast<typename S::Element*>(a.data) + unit * s.plane;
    for (std::ptrdiff_t x = 0; x < s.row; x += S::kLanes) {
      S::store(plane + x, S::zero());
      S::store(plane + s.plane - s.row + x, S::zero());
    }
    for (int y = 1; y <= a.h; ++y) {
      S::store(plane + y * s.row, S::zero());
      S::store(plane + (y + 1) * s.row - S::kLanes, S::zero());
    }
  }
}

// Enough independent chains to hide the latency of the multiply-add.
template <class S>
double multiply_add_operations(std::int64_t iterations) {
  constexpr int kChains = S::kTilePixels * S::kTileVectors;
  typename S::Vec acc[kChains];
  const auto factor = S::set(0.999f), addend = S::set(0.001f);
  unroll<S, kChains>([&](auto i) __attribute__((always_inline)) { acc[i] = S::set(static_cast<float>(i)); });
  for (std::int64_t k = 0; k < iterations; ++k) {
    unroll<S, kChains>([&](auto i)
                           __attribute__((always_inline)) { acc[i] = S::fma(acc[i], factor, addend); });
    S::keep(acc[0]);
  }
  auto sum = acc[0];
  unroll<S, kChains>([&](auto i) __attribute__((always_inline)) { sum = S::add(sum, acc[i]); });
  float lanes[S::kLanes];
  S::store_unaligned(lanes, sum);
  // The sum is used, so that no compiler drops the loop; it is finite, so that this adds nothing.
  return 2.0 * kChains * S::kLanes * static_cast<double>(iterations) + (lanes[0] == 12345.0f ? 1e-9 : 0.0);
}

}  // namespace resnet::cpu::generic
