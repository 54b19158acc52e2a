// Pools, and the ways between blocked steps and plain fp32.
#pragma once

#include "cpu/int8/generic/micro_kernel.hpp"

#include <cstring>

namespace resnet::cpu::int8::generic {

// Calls f(n, channel block, y) for every row of this member's share.
template <class S, class F>
RESNET_INLINE void for_rows(const Activation& a, int rank, int size, F&& f) {
  const int blocks = a.c / kBlock;
  const Share<S> share(static_cast<std::int64_t>(a.n) * blocks * a.h, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) f(unit / (blocks * a.h), unit / a.h % blocks, unit % a.h);
}

// out[x] = the largest of the 3x3 pixels around 2x of the three rows; a row outside the picture is null.
template <class S>
RESNET_INLINE void max_pool_row(const typename S::Element* const (&rows)[3], int in_w, int out_w,
                                typename S::Element* out) {
  using Element = typename S::Element;
  using Bytes = typename S::Bytes;
  constexpr int kLanes = sizeof(Bytes) / sizeof(Element);
  // Rows outside repeat the middle one, which changes no maximum; so do columns.
  const Element* middle = rows[1];
  const Element* above = rows[0] != nullptr ? rows[0] : middle;
  const Element* below = rows[2] != nullptr ? rows[2] : middle;
  for (int lane = 0; lane < kBlock; lane += kLanes) {
    const auto column = [&](int x) __attribute__((always_inline)) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(x) * kBlock + lane;
      return S::max(S::max(S::load_bytes(above + at), S::load_bytes(below + at)), S::load_bytes(middle + at));
    };
    Bytes left = column(0);
    for (int x = 0; x < out_w; ++x) {
      const Bytes right = column(2 * x + 1 < in_w ? 2 * x + 1 : 2 * x);
      S::store_bytes(out + static_cast<std::ptrdiff_t>(x) * kBlock + lane,
                     S::max(S::max(left, right), column(2 * x)));
      left = right;
    }
  }
}

template <class S>
void max_pool(const Activation& in, const Activation& out, int rank, int size) {
  const Strides<S> is(in), os(out);
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    const typename S::Element* rows[3];
    for (int i = 0; i < 3; ++i) {
      const int row = 2 * y - 1 + i;
      rows[i] = row >= 0 && row < in.h ? pixel(in, is, n, row, 0) + block * is.plane : nullptr;
    }
    max_pool_row<S>(rows, in.w, out.w, pixel(out, os, n, y, 0) + block * os.plane);
  });
}

// Every second pixel of every second row.
template <class S>
void subsample(const Activation& in, const Activation& out, int rank, int size) {
  const Strides<S> is(in), os(out);
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    const typename S::Element* from = pixel(in, is, n, 2 * y, 0) + block * is.plane;
    typename S::Element* to = pixel(out, os, n, y, 0) + block * os.plane;
    for (int x = 0; x < out.w; ++x, from += 2 * kBlock, to += kBlock) std::memcpy(to, from, sizeof(*to) * kBlock);
  });
}

// clamp(rne(x)) as in core/requantize.hpp.
template <class S>
RESNET_INLINE float round_to_range(float x, float low, float high) {
  constexpr float kRounder = 12582912.0f;  // 1.5 · 2^23
  const float clamped = x > low ? (x < high ? x : high) : low;
  return (clamped + kRounder) - kRounder;
}

template <class S>
void global_average_pool(const Activation& in, float multiplier, const Activation& out, int rank, int size) {
  using Element = typename S::Element;
  const Strides<S> is(in), os(out);
  const int blocks = in.c / kBlock;
  const Share<S> share(static_cast<std::int64_t>(in.n) * blocks, rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    const int n = unit / blocks, block = unit % blocks;
    std::int32_t sums[kBlock] = {};
    for (int y = 0; y < in.h; ++y) {
      const Element* row = pixel(in, is, n, y, 0) + block * is.plane;
      for (int x = 0; x < in.w; ++x, row += kBlock) {
        for (int i = 0; i < kBlock; ++i) sums[i] += row[i];
      }
    }
    Element* to = pixel(out, os, 0, 0, n) + block * os.plane;
    for (int i = 0; i < kBlock; ++i) {
      to[i] = static_cast<Element>(static_cast<std::int32_t>(
          round_to_range<S>(static_cast<float>(sums[i]) * multiplier, 0.0f, 255.0f)));
    }
  }
}

// What comes in is a multiple of the scale; anything else is rounded to one.
template <class S>
void to_blocked(const float* nchw, int channels, float scale, const Activation& out, int rank, int size) {
  using Element = typename S::Element;
  const Strides<S> os(out);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(out.h) * out.w;
  const float low = out.is_signed ? -127.0f : 0.0f, high = out.is_signed ? 127.0f : 255.0f;
  for_rows<S>(out, rank, size, [&](int n, int block, int y) {
    Element* to = pixel(out, os, n, y, 0) + block * os.plane;
    for (int lane = 0; lane < kBlock; ++lane) {
      const int channel = block * kBlock + lane;
      const float* from = nchw + (static_cast<std::ptrdiff_t>(n) * channels + channel) * plane + y * out.w;
      for (int x = 0; x < out.w; ++x) {
        const float step = channel < channels ? round_to_range<S>(from[x] / scale, low, high) : 0.0f;
        to[x * kBlock + lane] = static_cast<Element>(static_cast<std::int32_t>(step));
      }
    }
  });
}

template <class S>
void from_blocked(const Activation& in, int channels, float scale, float* nchw, int rank, int size) {
  using Element = typename S::Element;
  const Strides<S> is(in);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(in.h) * in.w;
  for_rows<S>(in, rank, size, [&](int n, int block, int y) {
    const Element* from = pixel(in, is, n, y, 0) + block * is.plane;
    const int count = channels - block * kBlock < kBlock ? channels - block * kBlock : kBlock;
    for (int lane = 0; lane < count; ++lane) {
      float* to = nchw + (static_cast<std::ptrdiff_t>(n) * channels + block * kBlock + lane) * plane + y * in.w;
      for (int x = 0; x < in.w; ++x) {
        const Element e = from[x * kBlock + lane];
        const int q = in.is_signed && sizeof(Element) == 1 ? static_cast<std::int8_t>(e) : e;
        to[x] = static_cast<float>(q) * scale;
      }
    }
  });
}

template <class S>
void zero_halo(const Activation& a, int rank, int size) {
  if (a.halo == 0) return;
  constexpr std::size_t kPixel = sizeof(typename S::Element) * kBlock;
  const Strides<S> s(a);
  const Share<S> share(static_cast<std::int64_t>(a.n) * (a.c / kBlock), rank, size);
  for (int unit = share.begin; unit < share.end; ++unit) {
    typename S::Element* plane = static_cast<typename S::Element*>(a.data) + unit * s.plane;
    const std::size_t row_bytes = sizeof(typename S::Element) * s.row;
    std::memset(plane, 0, row_bytes);
    std::memset(plane + s.plane - s.row, 0, row_bytes);
    for (int y = 1; y <= a.h; ++y) {
      std::memset(plane + y * s.row, 0, kPixel);
      std::memset(plane + (y + 1) * s.row - kBlock, 0, kPixel);
    }
  }
}

}  // namespace resnet::cpu::int8::generic
