// sgemm_double_buffered: the register-tiled product, with the next step's values on their way meanwhile.
//
//   c[p][i] = a[p]ᵀ * b[p][i]      shapes and layouts: GemmShape in kernels.hpp; all fp32
//
//     memory   | load 0 | load 1          | load 2          | load 3          |
//     compute           | multiply_add 0  | multiply_add 1  | multiply_add 2  |
//     shared            | buffer 0        | buffer 1        | buffer 0        |
//
// Who owns what is as in sgemm_register_tiled.cu. A thread asks for its values of step k + 1 before it
// computes step k, and they arrive in registers meanwhile (8 of them); then they go to the buffer that nobody
// reads. So a step needs one barrier instead of two, and no wait for memory where computing takes longer.
//
// Shared memory: 16 KiB a block. cp.async (Ampere and later) would copy past the registers; registers do the
// same for every GPU, and here they are there to be had.
//
// Bound: instruction issue, 89 % of the fp32 peak as before, now for a single block on a multiprocessor, too,
// if it has a warp for each of the four schedulers and a step takes longer than memory (700 cycles).
//
//   test: ctest --preset release -R 'cuda_ladder.*DoubleBuffered'
//   time: build/release/ladder
#include "cuda/check.hpp"
#include "ladder/register_tile.cuh"

namespace resnet::ladder {
namespace {

// ---------------------------------------------------------------------------------------------------------------------

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kResident)
    sgemm_double_buffered_kernel(GemmShape shape, const float* __restrict__ a, const float* __restrict__ b,
                                 float* __restrict__ c) {
  __shared__ alignas(16) typename Tile::A tile_a[2];
  __shared__ alignas(16) typename Tile::B tile_b[2];
  auto strip_a = strip_of_a<Tile>(shape, a);
  auto strip_b = strip_of_b<Tile>(shape, b);
  const auto load = [&](int k0) {
    strip_a.load(shape.m, shape.k - k0);
    strip_b.load(shape.plane, shape.k - k0);
  };

  typename Tile::Sums sums = {};
  load(0);
  int buffer = 0;
  for (int k0 = 0; k0 < shape.k; k0 += Tile::kK, buffer ^= 1) {
    strip_a.store(tile_a[buffer]);
    strip_b.store(tile_b[buffer]);
    // The tiles are complete. And who writes to the other buffer in the next step has passed this barrier,
    // so everyone has read what was there.
    __syncthreads();
    load(k0 + Tile::kK);  // beyond the end: zeros, without a load
    multiply_add<Tile>(tile_a[buffer], tile_b[buffer], sums);
  }
  store<Tile>(shape, {}, sums, c + blockIdx.z * product_size(shape));
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void sgemm_double_buffered(const GemmShape& shape, const float* a, const float* b, float* c,
                           cudaStream_t stream) {
  const TileChoice choice = choose_tile(shape, multiprocessors());
  with_tile(choice, [&]<class Tile>(Tile) {
    sgemm_double_buffered_kernel<Tile><<<grid_of(shape, choice), Tile::kThreads, 0, stream>>>(shape, a, b, c);
  });
  cuda::check_launch("sgemm_double_buffered_kernel");
}

}  // namespace resnet::ladder
