// conv1, bn1, relu and maxpool as one kernel, from the picture to the first block's input.
#pragma once

#include "cuda/layers.hpp"

namespace resnet::cuda::sm90 {

// Whether the format has one plane, and rows of this width fit a block's shared memory; others go through the
// stem's single kernels.
bool stem_pool_fits(Precision precision, int width);

// input: fp32 NCHW [out.n, 3, h, w]; out: what leaves maxpool.
void stem_pool(Precision precision, const Stem& stem, const float* input, int h, int w, const Activation& out,
               cudaStream_t stream);

}  // namespace resnet::cuda::sm90
