// Where in x a thread's pixels lie, tap by tap.
#pragma once

#include "cuda/gathered/params.hpp"

namespace resnet::cuda::gathered {

// One output pixel: the address of its first tap, which may lie outside of x, and a bit for each tap that
// lies inside. No tap of a pixel beyond the last does.
struct Window {
  const std::byte* first = nullptr;
  unsigned inside = 0;

  Window() = default;
  __device__ __forceinline__ Window(const ConvolutionParams& p, int m) {
    if (m >= p.m) return;
    const int column = m % p.ow, line = m / p.ow, n = line / p.oh;
    const int y = line % p.oh * p.step_h - p.padding, x = column * p.step_w - p.padding;
    first = static_cast<const std::byte*>(p.x) + n * p.image + static_cast<std::int64_t>(y) * p.row +
            static_cast<std::int64_t>(x) * p.pixel;
    int tap_y = y, tap_x = x;
    for (int tap = 0; tap < p.taps; ++tap) {
      if (tap_y >= 0 && tap_y < p.h && tap_x >= 0 && tap_x < p.w) inside |= 1u << tap;
      if (++tap_x - x < p.filter_w) continue;
      tap_x = x;
      ++tap_y;
    }
  }
};

// A position in k, which goes on by pieces.
template <int kPiece>
struct Position {
  int tap, tap_x, byte;  // byte: within the tap
  int offset;            // of the piece from a window's first tap

  __device__ __forceinline__ Position(const ConvolutionParams& p, int piece) {
    const int pieces_a_tap = p.tap_bytes / kPiece;
    tap = piece / pieces_a_tap;
    byte = piece % pieces_a_tap * kPiece;
    tap_x = tap % p.filter_w;
    offset = tap / p.filter_w * p.row + tap_x * p.pixel + byte;
  }
  __device__ __forceinline__ void next(const ConvolutionParams& p) {
    byte += kPiece, offset += kPiece;
    if (byte < p.tap_bytes) return;
    ++tap, ++tap_x;
    offset += p.pixel - p.tap_bytes;
    byte = 0;
    if (tap_x < p.filter_w) return;
    offset += p.row - p.filter_w * p.pixel;
    tap_x = 0;
  }
};

// The pieces of k that this block sums up, and where the chunk ends that it is in.
struct Chunks {
  int pieces, chunks, chunk, begin, end;

  __device__ __forceinline__ Chunks(const ConvolutionParams& p, int piece_bytes)
      : pieces(p.k_bytes / piece_bytes), chunks(p.chunks) {
    const bool spread = gridDim.y > 1;
    chunk = spread ? static_cast<int>(blockIdx.y) : 0;
    begin = bound(chunk);
    end = spread ? bound(chunk + 1) : pieces;
  }
  __device__ __forceinline__ int bound(int of) const { return pieces * of / chunks; }
  // Whether `piece` is the last of its chunk; then the next chunk begins.
  __device__ __forceinline__ bool ends(int piece) {
    if (piece + 1 < bound(chunk + 1)) return false;
    ++chunk;
    return true;
  }
};

}  // namespace resnet::cuda::gathered
