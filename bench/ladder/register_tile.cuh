// What the products of the ladder share: a thread's square of C in registers.
//
//              kN                     A block owns kM x kN values of C, a thread kThreadM x kThreadN of them,
//          +---------+                in groups of four rows and four columns: a group is one 16-byte load
//       kK |  b      |                from shared memory, and the groups of neighbouring threads are
//          +---------+                neighbours, so that a warp's load touches each bank once.
//    kK    +----+----+
//   +--+   |t t |t t |                A step of k reads kThreadM + kThreadN values for kThreadM * kThreadN
//   |  |   |t t |t t | kM             multiply-adds: with 8 x 8 four loads of four values for 64, where the
//   |a |   +----+----+                tiled kernel needs a load for one. What is left to hold the arithmetic
//   |  |   |t t |t t |                is that every load is an instruction, too: 64 of 68.
//   +--+   |t t |t t |
//          +----+----+                both tiles lie in shared memory with k first: [kK][kM] and [kK][kN].
#pragma once

#include "ladder/tile.hpp"

namespace resnet::ladder {

// Which rows (or columns) of the block's tile are the thread's: group after group of four, `Threads` groups
// apart.
template <int Threads>
__device__ constexpr int position(int thread, int i) {
  return (i / 4 * Threads + thread) * 4 + i % 4;
}

// A thread's part in bringing a tile of kK rows, `Width` wide, into shared memory: one column of it, every
// kStep-th row. Neighbouring threads are neighbouring columns, so a warp reads and writes whole lines.
//
// Each value costs a comparison, an address, a load and a store: the pointer moves from step to step, because
// to work it out from k costs three times that. A column beyond the matrix's last is a copy of the last,
// whose sums nobody stores; rows beyond the last are zeros, which add nothing.
template <class Tile, int Width>
struct Strip {
  static constexpr int kStep = Tile::kThreads / Width;
  static constexpr int kCount = Tile::kK / kStep;
  static_assert(kStep >= 1 && Tile::kK % kStep == 0);

  int column = threadIdx.x % Width, row = threadIdx.x / Width;
  const float* next;  // the thread's first value of the next step
  float values[kCount];

  // `stride` from a row to the next; `rows` that the matrix has from this step on, 0 or less: none. Moves on.
  __device__ void load(int stride, int rows) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const bool there = i * kStep < rows - row;
      values[i] = there ? __ldg(next + std::int64_t{i * kStep} * stride) : 0.0f;
    }
    next += std::int64_t{Tile::kK} * stride;
  }
  __device__ void store(float (&tile)[Tile::kK][Width]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) tile[row + i * kStep][column] = values[i];
  }
};

// The thread's strip of the product's a and of its b.
template <class Tile>
__device__ Strip<Tile, Tile::kM> strip_of_a(const GemmShape& shape, const float* a) {
  Strip<Tile, Tile::kM> strip;
  const int m = min(static_cast<int>(blockIdx.y) * Tile::kM + strip.column, shape.m - 1);
  strip.next = a + (std::int64_t{blockIdx.z} * shape.k + strip.row) * shape.m + m;
  return strip;
}
template <class Tile>
__device__ Strip<Tile, Tile::kN> strip_of_b(const GemmShape& shape, const float* b) {
  Strip<Tile, Tile::kN> strip;
  const int n = min(static_cast<int>(blockIdx.x) * Tile::kN + strip.column, shape.images * shape.plane - 1);
  const std::int64_t image = std::int64_t{blockIdx.z} * shape.images + n / shape.plane;
  strip.next = b + (image * shape.k + strip.row) * shape.plane + n % shape.plane;
  return strip;
}
// Values of one product's result.
__device__ inline std::int64_t product_size(const GemmShape& shape) {
  return std::int64_t{shape.images} * shape.m * shape.plane;
}

template <int Count, int Threads>
__device__ void read_groups(const float* row, int thread, float (&values)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(row + position<Threads>(thread, i));
    values[i] = four.x, values[i + 1] = four.y, values[i + 2] = four.z, values[i + 3] = four.w;
  }
}

// sums += aᵀ * b over the kK values of k that lie in shared memory.
template <class Tile>
__device__ void multiply_add(const typename Tile::A& a, const typename Tile::B& b,
                             typename Tile::Sums& sums) {
  constexpr int kAcross = Tile::kN / Tile::kThreadN, kDown = Tile::kM / Tile::kThreadM;
  const int x = threadIdx.x % kAcross, y = threadIdx.x / kAcross;
#pragma unroll
  for (int k = 0; k < Tile::kK; ++k) {
    float left[Tile::kThreadM], right[Tile::kThreadN];
    read_groups<Tile::kThreadM, kDown>(a[k], y, left);
    read_groups<Tile::kThreadN, kAcross>(b[k], x, right);
#pragma unroll
    for (int i = 0; i < Tile::kThreadM; ++i)
#pragma unroll
      for (int j = 0; j < Tile::kThreadN; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
  }
}

__device__ inline float finish(const Epilogue& e, int channel, float sum, float residual) {
  if (e.scale == nullptr) return sum;
  const float value = fmaf(sum, __ldg(e.scale + channel), __ldg(e.shift + channel)) + residual;
  return e.relu && value < 0.0f ? 0.0f : value;  // comparing so lets NaN through
}

// `Run` neighbouring values at once: four where that is 16 aligned bytes.
template <int Run>
__device__ void copy_run(float* to, const float* from) {
  if constexpr (Run == 4) {
    *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(from);
  } else {
    static_assert(Run == 1);
    *to = *from;
  }
}

template <class Tile, int Run>
__device__ void store_runs(const GemmShape& shape, const Epilogue& epilogue, const typename Tile::Sums& sums,
                           float* c) {
  constexpr int kAcross = Tile::kN / Tile::kThreadN, kDown = Tile::kM / Tile::kThreadM;
  const int x = threadIdx.x % kAcross, y = threadIdx.x / kAcross;
  const int columns = shape.images * shape.plane;
#pragma unroll
  for (int j = 0; j < Tile::kThreadN; j += Run) {
    const int column = blockIdx.x * Tile::kN + position<kAcross>(x, j);
    if (column >= columns) continue;
    const int image = column / shape.plane, pixel = column % shape.plane;
#pragma unroll
    for (int i = 0; i < Tile::kThreadM; ++i) {
      const int channel = blockIdx.y * Tile::kM + position<kDown>(y, i);
      if (channel >= shape.m) continue;
      const std::int64_t at = (std::int64_t{image} * shape.m + channel) * shape.plane + pixel;
      alignas(16) float residual[Run] = {}, values[Run];
      if (epilogue.residual != nullptr) copy_run<Run>(residual, epilogue.residual + at);
#pragma unroll
      for (int r = 0; r < Run; ++r) values[r] = finish(epilogue, channel, sums[i][j + r], residual[r]);
      copy_run<Run>(c + at, values);
    }
  }
}

// Stores the thread's sums of the block's tile. `c` and the epilogue's residual: [images][m][plane].
template <class Tile>
__device__ void store(const GemmShape& shape, const Epilogue& epilogue, const typename Tile::Sums& sums,
                      float* c) {
  // Four columns that begin at a multiple of four stay within one picture, and aligned, where it has a
  // multiple of four pixels.
  if (shape.plane % 4 == 0) {
    store_runs<Tile, 4>(shape, epilogue, sums, c);
  } else {
    store_runs<Tile, 1>(shape, epilogue, sums, c);
  }
}

}  // namespace resnet::ladder
