// The kernels of the ladder's middle rungs (docs/kernels.md): fp32 on the ordinary arithmetic units, NCHW.
// They are there to be read and timed; the backends use none of them.
//
// As in cuda/stepwise/ops.hpp every launcher queues its kernels on `stream`, checks each launch, allocates
// nothing and waits for nothing. Pointers are device memory, dense, aligned to 16 bytes; inputs and outputs
// may not overlap. A value is summed up in one order, ascending k, whatever the tile: the batch size and the
// place in the batch change no bit.
#pragma once

#include "cuda/stepwise/ops.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cuda_runtime_api.h>

namespace resnet::ladder {

using cuda::stepwise::Conv2dParams;

// c[p][i] = a[p]ᵀ * b[p][i] for every product p and image i:
//
//   a [products][k][m]             weights, transposed, so that a row is what neighbouring threads load
//   b [products][images][k][plane]
//   c [products][images][m][plane]
//
// The columns of all images are one long row of images * plane, so that the last tile of a small picture is
// filled with the next one's.
struct GemmShape {
  int m, k;
  int images, plane;
  int products = 1;

  std::int64_t columns() const { return std::int64_t{images} * plane; }
};
void sgemm_register_tiled(const GemmShape& shape, const float* a, const float* b, float* c,
                          cudaStream_t stream);
void sgemm_double_buffered(const GemmShape& shape, const float* a, const float* b, float* c,
                           cudaStream_t stream);

// What happens to a sum before it is stored: sum * scale[channel] + shift[channel], + residual, ReLU.
struct Epilogue {
  const float* scale = nullptr;     // [m], BatchNorm's γ/√(σ² + ε); null: the sum is stored as it is
  const float* shift = nullptr;     // [m], β − μ·scale
  const float* residual = nullptr;  // laid out as the output; null: none. Only with a scale
  bool relu = false;                // only with a scale; NaN stays NaN
};

// A convolution without a column matrix. input [N][IC][IH][IW], output [N][OC][OH][OW], weights as
// pack_taps() lays them out.
void implicit_gemm(const Conv2dParams& params, const float* input, const float* weights,
                   const Epilogue& epilogue, float* output, cudaStream_t stream);

// A 3x3 convolution of stride 1 and padding 1 by Winograd's F(4x4), in three launches: pictures to points,
// winograd_shape()'s 36 products with weights as pack_winograd() gives them, points to pictures.
//
//   transformed [36][IC][tiles], products [36][OC][tiles]
void winograd_input(const Conv2dParams& params, const float* input, float* transformed, cudaStream_t stream);
void winograd_output(const Conv2dParams& params, const float* products, const Epilogue& epilogue,
                     float* output, cudaStream_t stream);

constexpr int kWinogradPoints = 36;
bool winograd_takes(int kernel, int stride);
int winograd_tiles(const Conv2dParams& params);  // of 4 x 4 outputs, in the whole batch

// The products that a convolution becomes: of columns that im2col wrote, of columns that are never written,
// and of Winograd's points.
GemmShape explicit_shape(const Conv2dParams& params);
GemmShape implicit_shape(const Conv2dParams& params);
GemmShape winograd_shape(const Conv2dParams& params);

// ---------------------------------------------------------------------------------------------------------------------
// Weights (OIHW, on the host) in the order in which a kernel reads them.

// [IC*KH*KW][OC]
std::vector<float> pack_transposed(const float* weight, int oc, int rows);

// [KH*KW][IC rounded up to 4][OC]: by filter tap, zeros for the channels that are not there.
std::vector<float> pack_taps(const float* weight, int oc, int ic, int kernel);
constexpr int kTapGroup = 4;
constexpr int packed_channels(int ic) {
  return (ic + kTapGroup - 1) / kTapGroup * kTapGroup;
}

// [36][IC][OC]: G g Gᵀ of each 3x3 filter, computed in double.
std::vector<float> pack_winograd(const float* weight, int oc, int ic);

}  // namespace resnet::ladder
