// sgemm_register_tiled: the product of stepwise/sgemm_tiled.cu with a square of C in each thread's registers.
//
//   c[p][i] = a[p]ᵀ * b[p][i]      shapes and layouts: GemmShape in kernels.hpp; all fp32
//
// A block of 256 threads owns 128 x 128 values of C, a thread 8 x 8 of them (register_tile.cuh has the
// drawing, and the smaller tiles for small products). It walks along K in steps of 8: the threads bring 8 x
// 128 values of a and of b into shared memory, and each reads 8 + 8 of them, in four loads, for 64
// multiply-adds.
//
// Shared memory: 8 KiB a block. Registers: 64 sums, 16 operands, 8 on their way: two blocks fit a
// multiprocessor, and while one waits for memory the other computes.
//
// Bound: instruction issue. A multiprocessor starts four warps' instructions a cycle, which multiply-adds
// alone would use up. A step has 512 of them in a thread, 32 loads of operands, and some 32 for fetching
// eight values (a load, a store and two for the address each): at most 89 % of the fp32 peak. What the kernel
// falls short of that is the time between two barriers in which there is nothing to compute: the next rung's.
//
//   test: ctest --preset release -R 'cuda_ladder.*RegisterTiled'
//   time: build/release/ladder
#include "cuda/check.hpp"
#include "ladder/register_tile.cuh"

namespace resnet::ladder {
namespace {

// ---------------------------------------------------------------------------------------------------------------------

template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kResident)
    sgemm_register_tiled_kernel(GemmShape shape, const float* __restrict__ a, const float* __restrict__ b,
                                float* __restrict__ c) {
  __shared__ alignas(16) typename Tile::A tile_a;
  __shared__ alignas(16) typename Tile::B tile_b;
  auto strip_a = strip_of_a<Tile>(shape, a);
  auto strip_b = strip_of_b<Tile>(shape, b);

  typename Tile::Sums sums = {};
  for (int k0 = 0; k0 < shape.k; k0 += Tile::kK) {
    strip_a.load(shape.m, shape.k - k0);
    strip_b.load(shape.plane, shape.k - k0);
    strip_a.store(tile_a);
    strip_b.store(tile_b);
    __syncthreads();  // the tiles are complete before anyone reads them
    multiply_add<Tile>(tile_a, tile_b, sums);
    __syncthreads();  // everyone is done reading before the next step overwrites
  }
  store<Tile>(shape, {}, sums, c + blockIdx.z * product_size(shape));
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------

void sgemm_register_tiled(const GemmShape& shape, const float* a, const float* b, float* c,
                          cudaStream_t stream) {
  const TileChoice choice = choose_tile(shape, multiprocessors());
  with_tile(choice, [&]<class Tile>(Tile) {
    sgemm_register_tiled_kernel<Tile><<<grid_of(shape, choice), Tile::kThreads, 0, stream>>>(shape, a, b, c);
  });
  cuda::check_launch("sgemm_register_tiled_kernel");
}

}  // namespace resnet::ladder
