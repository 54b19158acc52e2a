// The tiles that the ladder's products are cut into, and which one a product gets.
#pragma once

#include "ladder/kernels.hpp"

#include <cstdint>

namespace resnet::ladder {

// A block owns M x N values of C, a thread ThreadM x ThreadN of them; a step fetches K rows of a and b.
template <int M, int N, int K, int ThreadM, int ThreadN>
struct Tile {
  static constexpr int kM = M, kN = N, kK = K, kThreadM = ThreadM, kThreadN = ThreadN;
  static constexpr int kThreads = (M / ThreadM) * (N / ThreadN);
  // Instructions of a thread in a step: the multiply-adds, a load for four operands, and for each value that
  // it fetches a comparison, an address, a load and a store.
  static constexpr int kInstructions =
      K * (ThreadM * ThreadN + (ThreadM + ThreadN) / 4) + 4 * (M + N) * K / kThreads;
  // Blocks that share a multiprocessor: 128 registers a thread leave room for 512 threads.
  static constexpr int kResident = 512 / kThreads;
  static_assert(ThreadM % 4 == 0 && ThreadN % 4 == 0, "four values are one load");
  static_assert(kThreads % M == 0 && kThreads % N == 0, "a thread fetches from one column");

  using A = float[K][M];
  using B = float[K][N];
  using Sums = float[ThreadM][ThreadN];
};

// For large products; for those with few channels; for those that are too small to give every multiprocessor
// a larger one.
using LargeTile = Tile<128, 128, 8, 8, 8>;
using WideTile = Tile<64, 128, 8, 8, 8>;
using SmallTile = Tile<32, 32, 32, 4, 4>;

struct TileChoice {
  int m, n, k, threads, resident, instructions;  // as above
  std::int64_t blocks;                           // that the product is cut into
};

// The tile with which the fullest of the multiprocessors has the fewest instructions.
TileChoice choose_tile(const GemmShape& shape, int multiprocessors);

// Calls f(tile) with the one chosen.
template <class F>
void with_tile(const TileChoice& choice, const F& f) {
  if (choice.m == LargeTile::kM) return f(LargeTile{});
  if (choice.m == WideTile::kM) return f(WideTile{});
  f(SmallTile{});
}

// Multiprocessors of the current device.
int multiprocessors();

// One block a tile: x along the columns, y along the rows, z over the products. Throws
// Error{invalid_argument} where the columns are more than an int counts.
dim3 grid_of(const GemmShape& shape, const TileChoice& choice);

}  // namespace resnet::ladder
