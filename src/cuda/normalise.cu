// 8-bit pixels → the network's input in fp32: chw[n][c][i] = table[c][rgb[n][i][c]].
//
//   rgb    [n][plane][3] bytes, table [3][256], chw [n][3][plane]; plane = h · w
//
// The table is the processor's own (core/pixel_table.hpp), so the bits are, too. A block has it in shared
// memory and walks over groups of four pixels, one a thread: twelve bytes in, and four values for each of the
// three planes out, as one store each where a picture's planes are whole groups. Bound: memory, 3 bytes read
// and 12 written a pixel. Test: ctest -R cuda_session; time: resnet bench --device cuda --input-type u8
// --layers
#include "cuda/check.hpp"
#include "cuda/dispatch.cuh"
#include "cuda/pointwise.hpp"

#include <algorithm>

namespace resnet::cuda {
namespace {

constexpr int kGroup = 4;
// Eight for each multiprocessor of a large chip: enough to fill it, few enough that tables are read seldom.
constexpr std::size_t kMaxBlocks = 8 * 132;

__global__ void normalise_pixels_kernel(const std::uint8_t* __restrict__ rgb, const float* __restrict__ table,
                                        int n, std::size_t plane, float* __restrict__ chw) {
  __shared__ float values[3 * 256];
  wait_for_prerequisites();
  launch_dependents();
  for (int i = threadIdx.x; i < 3 * 256; i += kThreads) values[i] = table[i];
  __syncthreads();  // the table is whole
  const std::size_t groups = (plane + kGroup - 1) / kGroup, all = n * groups;
  const bool whole = plane % kGroup == 0;  // then words and stores of four are aligned, too
  for (std::size_t g = blockIdx.x * static_cast<std::size_t>(kThreads) + threadIdx.x; g < all;
       g += gridDim.x * static_cast<std::size_t>(kThreads)) {
    const std::size_t image = g / groups, first = g % groups * kGroup;
    const std::uint8_t* from = rgb + (image * plane + first) * 3;
    float* to = chw + image * 3 * plane + first;
    if (whole) {
      union {
        std::uint32_t words[3];
        std::uint8_t bytes[12];
      } pixels;
#pragma unroll
      for (int w = 0; w < 3; ++w) pixels.words[w] = reinterpret_cast<const std::uint32_t*>(from)[w];
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        const float* of = values + 256 * c;
        *reinterpret_cast<float4*>(to + c * plane) = {of[pixels.bytes[c]], of[pixels.bytes[3 + c]],
                                                      of[pixels.bytes[6 + c]], of[pixels.bytes[9 + c]]};
      }
    } else {
      for (std::size_t i = 0; i < kGroup && first + i < plane; ++i) {
        for (int c = 0; c < 3; ++c) to[c * plane + i] = values[256 * c + from[3 * i + c]];
      }
    }
  }
}

}  // namespace

void normalise_pixels(const std::uint8_t* rgb, const float* table, int n, std::size_t plane, float* chw,
                      cudaStream_t stream) {
  const std::size_t groups = static_cast<std::size_t>(n) * ((plane + kGroup - 1) / kGroup);
  launch(normalise_pixels_kernel, std::min(groups, kMaxBlocks * kThreads), stream, rgb, table, n, plane, chw);
}

}  // namespace resnet::cuda
